import { HoldfastError } from '../../base/errors.ts';
import { formatTimeNs } from '../../format/go-time.ts';
import { rewriteSnapshots, type SnapshotRewriting } from '../../repository/rewrite/rewrite-snapshots.ts';
import type { PathSelectionOptions } from '../../repository/rewrite/path-selection.ts';
import { displayPath } from '../../repository/tree/tree-path.ts';
import { compileRestoreSelection } from '../../workers/restore/selection.ts';
import { packSizeBytes } from '../backup/pack-size.ts';
import { readPatternFiles } from '../backup/selection.ts';
import { parseUserTime } from '../local-time.ts';
import type { Values } from '../options/option.ts';
import { snapshotFilterOptions } from '../options/snapshot-options.ts';
import { count } from '../render/format.ts';
import { showReplaced } from '../render/replaced-text.ts';
import { describeSnapshot } from '../render/snapshot-text.ts';
import { type RepositorySession, withReadLock, withRepository } from '../repository-session.ts';
import { chooseSnapshots } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

const rewriteOptions = {
  exclude: { kind: 'many', short: 'e', valueName: 'PATTERN', description: 'leave out what matches' },
  iexclude: { kind: 'many', valueName: 'PATTERN', description: 'like --exclude, upper and lower case alike' },
  'exclude-file': { kind: 'many', valueName: 'FILE', description: 'read exclude patterns from a file' },
  'iexclude-file': { kind: 'many', valueName: 'FILE', description: 'like --exclude-file, upper and lower case alike' },
  include: { kind: 'many', short: 'i', valueName: 'PATTERN', description: 'leave out all but what matches' },
  iinclude: { kind: 'many', valueName: 'PATTERN', description: 'like --include, upper and lower case alike' },
  'include-file': { kind: 'many', valueName: 'FILE', description: 'read include patterns from a file' },
  'iinclude-file': { kind: 'many', valueName: 'FILE', description: 'like --include-file, upper and lower case alike' },
  'new-host': { kind: 'text', valueName: 'NAME', description: 'give the new snapshots this host name' },
  'new-time': { kind: 'text', valueName: 'TIME', description: "give the new snapshots this time, as in '2026-11-21 10:00:00'" },
  'snapshot-summary': { kind: 'flag', short: 's', description: 'count the files of snapshots that do not say how many they have' },
  forget: { kind: 'flag', description: 'remove each old snapshot when the new one is saved' },
  'dry-run': { kind: 'flag', short: 'n', description: 'say what would be done, write nothing' },
  ...snapshotFilterOptions,
} as const;

type RewriteValues = Values<typeof rewriteOptions>;

export const rewrite = defineCommand({
  synopsis: '[OPTION...] [SNAPSHOT...]',
  details: [
    'Makes new snapshots of old ones without files that should not have been saved, or with another host or time: of those named, or of all that the filters let through. New snapshots get the tag `rewrite`, and the old ones stay, unless --forget is given.',
    'What is left out stays in the repository until the old snapshots are removed and `prune` has run.',
  ],
  examples: ['holdfast rewrite --exclude /home/me/secret --dry-run -vv', 'holdfast rewrite --exclude /home/me/secret --forget'],
  options: rewriteOptions,
  async run(context, values, positionals) {
    const selection = await readSelection(context, values);
    const { 'new-host': newHost = '', 'new-time': newTime = '' } = values;
    const time = newTime === '' ? undefined : formatTimeNs(parseUserTime(newTime, '--new-time'));
    if (selection === undefined && !values['snapshot-summary'] && newHost === '' && time === undefined) {
      throw new HoldfastError('usage', 'nothing is to be rewritten', {
        hint: 'Say what is to be left out with --exclude or --include, or give --new-host, --new-time or --snapshot-summary.',
      });
    }
    const change = { selection, addsSummary: values['snapshot-summary'], newHost: newHost === '' ? undefined : newHost, newTime: time };
    const work = async (session: RepositorySession): Promise<void> => await run(context, session, values, positionals, change);
    if (values['dry-run']) await withReadLock(context, work);
    else await withRepository(context, values.forget ? 'exclusive' : 'shared', work);
    return 0;
  },
});

/** A malformed pattern is found before anybody has typed a password. */
async function readSelection({ events }: CommandContext, values: RewriteValues): Promise<PathSelectionOptions | undefined> {
  const withFiles = async (patterns: readonly string[], files: readonly string[], option: string): Promise<string[]> => [
    ...patterns,
    ...(await readPatternFiles(files, option)),
  ];
  const patterns = {
    excludes: await withFiles(values.exclude, values['exclude-file'], '--exclude-file'),
    iexcludes: await withFiles(values.iexclude, values['iexclude-file'], '--iexclude-file'),
    includes: await withFiles(values.include, values['include-file'], '--include-file'),
    iincludes: await withFiles(values.iinclude, values['iinclude-file'], '--iinclude-file'),
  };
  const isInclude = patterns.includes.length + patterns.iincludes.length > 0;
  if (isInclude && patterns.excludes.length + patterns.iexcludes.length > 0) {
    throw new HoldfastError('usage', '--exclude and --include contradict each other', { hint: 'Give one of them.' });
  }
  const select = compileRestoreSelection(patterns);
  if (select === undefined) return undefined;
  return {
    select,
    isInclude,
    onRemoved: (path, { sizeBytes }) => events({ kind: 'item', action: 'excluded', path: displayPath(path), sizeBytes: Number(sizeBytes) }),
  };
}

type Change = Pick<Parameters<typeof rewriteSnapshots>[2], 'selection' | 'addsSummary' | 'newHost' | 'newTime'>;

async function run(
  context: CommandContext,
  session: RepositorySession,
  values: RewriteValues,
  references: readonly string[],
  change: Change,
): Promise<void> {
  const { output, globals, events } = context;
  const isDryRun = values['dry-run'];
  const chosen = await chooseSnapshots(context, session, references, values);
  const rewriting = await rewriteSnapshots(session.repository, chosen.snapshots, {
    ...change,
    forgets: values.forget,
    isDryRun,
    compression: globals.compression,
    packSizeBytes: packSizeBytes(globals['pack-size']),
    onReplaced: (replaced) => showReplaced(output, replaced, { isDryRun, verb: 'rewritten' }),
    onUnchanged: (snapshot, reason) => {
      if (reason === 'empty') output.say(`nothing is selected of ${describeSnapshot(snapshot)}: it stays as it is`);
      else output.sayMore(`nothing changes in ${describeSnapshot(snapshot)}`);
    },
    events,
    signal: session.signal,
  });
  context.endProgress();
  showSummary(context, rewriting, isDryRun);
  chosen.assertComplete();
}

function showSummary({ output }: CommandContext, { rewrittenCount, unchangedCount }: SnapshotRewriting, isDryRun: boolean): void {
  if (output.isJson) {
    output.json({ message_type: 'summary', dry_run: isDryRun, snapshots_rewritten: rewrittenCount, snapshots_unchanged: unchangedCount });
    return;
  }
  if (isDryRun) output.say(`would rewrite ${count(rewrittenCount, 'snapshot')}, ${unchangedCount} would stay as they are`);
  else output.say(`rewrote ${count(rewrittenCount, 'snapshot')}, ${unchangedCount} stay as they are`);
}
