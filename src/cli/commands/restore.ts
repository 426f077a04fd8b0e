import { HoldfastError } from '../../base/errors.ts';
import { restore as runRestore } from '../../restorer/restore.ts';
import type { RestoreOptions, RestoreSummary } from '../../restorer/restore-options.ts';
import { RestoreWorkers } from '../../restorer/restore-workers.ts';
import { pathBytes, pathText } from '../../patterns/path-text.ts';
import { readPatternFiles } from '../backup/selection.ts';
import { latestSnapshotOptions } from '../options/snapshot-options.ts';
import type { Values } from '../options/option.ts';
import type { Output } from '../output.ts';
import { count, formatBytes, formatSeconds, printableName } from '../render/format.ts';
import { describeSnapshot } from '../render/snapshot-text.ts';
import { withReadLock } from '../repository-session.ts';
import { exactArguments, findSnapshot } from '../snapshot-choice.ts';
import { compileRestoreSelection } from '../../workers/restore/selection.ts';
import { defineCommand } from './command.ts';

const restoreOptions = {
  target: { kind: 'text', short: 't', valueName: 'DIR', description: 'restore into this directory; it is made if it is missing' },
  include: { kind: 'many', short: 'i', valueName: 'PATTERN', description: 'restore only what matches' },
  iinclude: { kind: 'many', valueName: 'PATTERN', description: 'like --include, upper and lower case alike' },
  'include-file': { kind: 'many', valueName: 'FILE', description: 'read include patterns from a file' },
  'iinclude-file': { kind: 'many', valueName: 'FILE', description: 'like --include-file, upper and lower case alike' },
  exclude: { kind: 'many', short: 'e', valueName: 'PATTERN', description: 'leave out what matches' },
  iexclude: { kind: 'many', valueName: 'PATTERN', description: 'like --exclude, upper and lower case alike' },
  'exclude-file': { kind: 'many', valueName: 'FILE', description: 'read exclude patterns from a file' },
  'iexclude-file': { kind: 'many', valueName: 'FILE', description: 'like --exclude-file, upper and lower case alike' },
  overwrite: {
    kind: 'text',
    valueName: 'WHEN',
    choices: ['always', 'if-changed', 'if-newer', 'never'],
    description: 'what becomes of files that are there (default: always)',
  },
  delete: { kind: 'flag', description: 'remove what is in the target and not in the snapshot; see it first with --dry-run -vv' },
  verify: { kind: 'flag', description: 'read everything again afterwards and compare it' },
  'dry-run': { kind: 'flag', description: 'say what would be done, write nothing' },
  sparse: { kind: 'flag', description: 'accepted for scripts made for restic: files are restored sparse in any case' },
  'ownership-by-name': { kind: 'flag', description: 'owners by name where this machine knows the name, instead of by number' },
  'exclude-xattr': { kind: 'many', valueName: 'PATTERN', description: 'leave these extended attributes out' },
  'include-xattr': { kind: 'many', valueName: 'PATTERN', description: 'restore only these extended attributes' },
  ...latestSnapshotOptions,
} as const;

type RestoreValues = Values<typeof restoreOptions>;

export const restore = defineCommand({
  synopsis: '[OPTION...] --target DIR SNAPSHOT[:FOLDER]',
  details: [
    'Writes the files of a snapshot into a directory, with their modes, owners, times, attributes and links. SNAPSHOT is an id, its first digits, or latest.',
    'With :FOLDER behind it, what is in that folder goes directly into the target. An item that cannot be restored is named, the others are restored, and the exit code is 3.',
  ],
  examples: [
    'holdfast restore latest --target /tmp/back',
    'holdfast restore latest:/home/me --target /home/me --overwrite if-changed --verify',
  ],
  options: restoreOptions,
  async run(context, values, positionals) {
    const [reference] = exactArguments(positionals, ['SNAPSHOT']);
    if (values.target === undefined || values.target === '') {
      throw new HoldfastError('usage', 'no directory to restore into is named', { hint: 'Use --target.' });
    }
    const target = values.target;
    const rules = await readRules(values);
    const { output, clock, events } = context;
    // They start while the repository is opened.
    await using workers = new RestoreWorkers();
    const summary = await withReadLock(context, async (session) => {
      const { snapshot, subfolder } = await findSnapshot(session, reference, values);
      output.say(`restoring ${describeSnapshot(snapshot)} to ${printableName(target)}`);
      const options = {
        ...rules,
        snapshot,
        subfolder,
        target: pathBytes(pathText(target)),
        events,
        clock,
        signal: session.signal,
        workers,
      };
      return await runRestore(session.repository, { ...options, reportItems: output.verbosity >= 3 });
    });
    context.endProgress();
    show(output, summary, values);
    if (summary.failureCount === 0) return 0;
    throw new HoldfastError('partial', `${count(summary.failureCount, 'item')} could not be restored`, {
      hint: 'The errors above say why.',
    });
  },
});

async function readRules(values: RestoreValues): Promise<Omit<RestoreOptions, 'snapshot' | 'target'>> {
  const withFiles = async (patterns: readonly string[], files: readonly string[], option: string) => [
    ...patterns,
    ...(await readPatternFiles(files, option)),
  ];
  const selection = {
    includes: await withFiles(values.include, values['include-file'], '--include-file'),
    iincludes: await withFiles(values.iinclude, values['iinclude-file'], '--iinclude-file'),
    excludes: await withFiles(values.exclude, values['exclude-file'], '--exclude-file'),
    iexcludes: await withFiles(values.iexclude, values['iexclude-file'], '--iexclude-file'),
  };
  // A malformed pattern is found before anybody has typed a password.
  compileRestoreSelection(selection);
  return {
    selection,
    overwrite: values.overwrite ?? 'always',
    deletesUnexpected: values.delete,
    verifies: values.verify,
    isDryRun: values['dry-run'],
    ownershipByName: values['ownership-by-name'],
    excludeAttributes: values['exclude-xattr'],
    includeAttributes: values['include-xattr'],
  };
}

function show(output: Output, summary: RestoreSummary, values: RestoreValues): void {
  if (output.isJson) output.json(summaryJson(summary, values['dry-run']));
  else for (const line of summaryLines(summary, values)) output.say(line);
}

function summaryJson(summary: RestoreSummary, isDryRun: boolean): object {
  return {
    message_type: 'summary',
    ...(isDryRun ? { dry_run: true } : {}),
    seconds_elapsed: Math.floor(summary.secondsElapsed),
    total_files: summary.totalFiles,
    files_restored: summary.filesRestored,
    files_skipped: summary.filesSkipped,
    files_deleted: summary.filesDeleted,
    total_bytes: summary.totalBytes,
    bytes_restored: summary.bytesRestored,
    bytes_skipped: summary.bytesSkipped,
    files_verified: summary.filesVerified,
    error_count: summary.failureCount,
  };
}

function summaryLines(summary: RestoreSummary, values: RestoreValues): string[] {
  const { totalFiles, filesRestored, filesSkipped, filesDeleted, totalBytes, bytesRestored, bytesSkipped, secondsElapsed } = summary;
  const isWhole = filesRestored === totalFiles && bytesRestored === totalBytes;
  const amount = isWhole
    ? `${totalFiles} files/dirs (${formatBytes(totalBytes)})`
    : `${filesRestored} / ${totalFiles} files/dirs (${formatBytes(bytesRestored)} / ${formatBytes(totalBytes)})`;
  const more = [
    ...(filesSkipped > 0 ? [`skipped ${filesSkipped} files/dirs ${formatBytes(bytesSkipped)}`] : []),
    ...(filesDeleted > 0 ? [`${values['dry-run'] ? 'would delete' : 'deleted'} ${filesDeleted} files/dirs`] : []),
  ];
  const rate = secondsElapsed < 1 ? '' : ` (${formatBytes(bytesRestored / secondsElapsed)}/s)`;
  return [
    [`${values['dry-run'] ? 'Would restore' : 'Restored'} ${amount} in ${formatSeconds(secondsElapsed)}${rate}`, ...more].join(', '),
    ...(values.verify ? [`verified ${count(summary.filesVerified, 'file')}`] : []),
  ];
}
