import { availableParallelism, hostname } from 'node:os';
import { resolve } from 'node:path';
import { ArchiveSession } from '../../archiver/archive-session.ts';
import { backup as runBackup, type BackupRequest, type SnapshotRecord } from '../../archiver/backup.ts';
import type { BackupOptions } from '../../archiver/backup-options.ts';
import { HoldfastError } from '../../base/errors.ts';
import { parseTagList } from '../../repository/snapshot-filter.ts';
import { returnFreedMemory } from '../../base/freed-memory.ts';
import { readableText } from '../../patterns/path-text.ts';
import { type BackupValues, backupOptions } from '../backup/backup-options.ts';
import { assertCompatible } from '../backup/compatible-options.ts';
import { type BackUp, backUpWithFallback, chooseFallback, type Fallback, type PlacedOutcome } from '../backup/fallback.ts';
import { packSizeBytes } from '../backup/pack-size.ts';
import { openSource } from '../backup/source.ts';
import { parseUserTime } from '../local-time.ts';
import { showBackupSummary } from '../render/backup-summary.ts';
import { openRepository } from '../repository-session.ts';
import { parseGrouping } from '../snapshot-groups.ts';
import { readVersion } from '../../base/package-version.ts';
import { type CommandContext, defineCommand } from './command.ts';

type Source = BackupOptions['source'];

export const backup = defineCommand({
  synopsis: '[OPTION...] [PATH...]',
  details: [
    'Saves files and directories as a new snapshot. Files that did not change since the parent snapshot are not read again; data that the repository has is not stored again.',
    'A path that does not exist fails the run. A file that cannot be read is named, the others are saved, and the exit code is 3.',
    'With --fallback-repo a backup whose repository cannot be reached goes to another one, and the exit code is 4. The next backup that reaches the first repository copies it over.',
  ],
  examples: [
    'holdfast backup /home --exclude-caches --exclude "*.tmp"',
    'holdfast backup --stdin-from-command --stdin-filename db.sql -- pg_dump --dbname app',
    'find . -name "*.tex" -print0 | holdfast backup --files-from-raw -',
  ],
  options: backupOptions,
  async run(context, values, positionals) {
    returnFreedMemory();
    await assertCompatible(context, values, positionals);
    const timeNs = values.time === undefined ? context.clock.nowNs() : parseUserTime(values.time, '--time');
    await using opened = await openSource(context, values, positionals);
    const fallback = await chooseFallback(context, values);
    const backUp: BackUp = async (target, { onOpened, afterwards }) => {
      // The workers start while the key is derived: each takes longer than the other work in front of the backup.
      await using session = new ArchiveSession({ workerCount: workerCount(values['read-concurrency']), signal: target.signal });
      await using repository = await openRepository(target, 'unless-local');
      onOpened?.();
      const made = await runBackup(session, repository, createRequest(target, values, opened.source, timeNs));
      await afterwards?.(repository);
      return made;
    };
    const placed = await place(context, fallback, values['dry-run'], opened.source, backUp);
    const { outcome } = placed;
    context.endProgress();
    showBackupSummary(context.output, outcome, values['dry-run'], placed.place);
    if (outcome.failureCount === 0 && placed.pending !== undefined) throw placed.pending;
    if (outcome.failureCount === 0) return 0;
    if (placed.pending !== undefined) context.events({ kind: 'warning', message: placed.pending.message });
    throw new HoldfastError('partial', `${outcome.failureCount} item${outcome.failureCount === 1 ? '' : 's'} could not be read`, {
      hint: values['dry-run'] ? 'The errors above say why.' : 'The snapshot was saved without them. The errors above say why.',
    });
  },
});

async function place(
  context: CommandContext,
  fallback: Fallback | undefined,
  isDryRun: boolean,
  source: Source,
  backUp: BackUp,
): Promise<PlacedOutcome> {
  if (fallback === undefined) return { outcome: await backUp(context, {}), place: undefined, pending: undefined };
  return await backUpWithFallback(context, fallback, { isRepeatable: source.kind === 'files', isDryRun }, backUp);
}

/** Each worker takes some 20 MB; more than this many have never made a backup quicker. */
const mostWorkers = 128;

/** 0 means the default, as in restic. */
function workerCount(concurrency: number | undefined): number {
  if (concurrency === undefined || concurrency === 0) return Math.min(availableParallelism(), mostWorkers);
  if (concurrency <= mostWorkers) return concurrency;
  throw new HoldfastError('usage', `--read-concurrency cannot be ${concurrency}`, { hint: `Give a number up to ${mostWorkers}.` });
}

function createRequest(context: CommandContext, values: BackupValues, source: Source, timeNs: bigint): BackupRequest {
  const { globals, clock, events, signal, output } = context;
  return {
    source,
    parentChoice: chooseParent(values, source),
    changes: { ignoreInode: values['ignore-inode'], ignoreCtime: values['ignore-ctime'] || values['ignore-inode'] },
    compression: globals.compression ?? 'auto',
    packSizeBytes: packSizeBytes(globals['pack-size']),
    withAtime: values['with-atime'],
    isDryRun: values['dry-run'],
    skipIfUnchanged: values['skip-if-unchanged'],
    // Somebody watches, or a program reads the progress: both want to know how long it takes.
    estimateTotals: !values['no-scan'] && (output.canShowStatus || output.isJson),
    reportItems: output.verbosity >= (output.isJson ? 2 : 3),
    record: createRecord(values, source, timeNs),
    retryLockMs: globals['retry-lock'] ?? 0,
    withoutLock: values['dry-run'],
    clock,
    events,
    signal,
  };
}

/** A stream is read whole whatever there was before: a parent only tells whether something changed. */
function chooseParent(values: BackupValues, source: Source): BackupRequest['parentChoice'] {
  if (values.force) return { kind: 'none' };
  if (values.parent !== undefined) return { kind: 'named', reference: values.parent };
  if (source.kind === 'stream' && !values['skip-if-unchanged']) return { kind: 'none' };
  return { kind: 'found', groupBy: parseGrouping(values['group-by'] ?? 'host,paths') };
}

function createRecord(values: BackupValues, source: Source, timeNs: bigint): SnapshotRecord {
  return {
    timeNs,
    paths: recordedPaths(source),
    hostname: values.host ?? values.hostname ?? hostname(),
    tags: values.tag.flatMap(parseTagList).filter((tag) => tag !== ''),
    excludes: values.exclude,
    programVersion: `holdfast ${readVersion()}`,
  };
}

/** Text, for people and for finding the parent: a name that is no UTF-8 shows U+FFFD here, as in restic. */
function recordedPaths(source: Source): string[] {
  if (source.kind === 'stream') return [resolve('/', source.filename.toString('utf8'))];
  return source.paths.map((path) => resolve(readableText(path)).toWellFormed());
}
