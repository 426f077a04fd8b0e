/** Copies what is owed from the fallback repository into the first one, once that can be reached again. */
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { SnapshotId } from '../../base/ids.ts';
import type { CopyReport, SnapshotOutcome } from '../../repository/copy/copy-options.ts';
import { copySnapshots } from '../../repository/copy/copy-snapshots.ts';
import type { Repository } from '../../repository/repository.ts';
import { everySnapshot } from '../../repository/snapshot-filter.ts';
import type { StoredSnapshot } from '../../repository/snapshots.ts';
import type { CommandContext } from '../commands/command.ts';
import { count } from '../render/format.ts';
import { openRepository, withLock } from '../repository-session.ts';
import type { Fallback } from './fallback.ts';
import type { OwedSnapshots } from '../../app/owed-snapshots.ts';
import { packSizeBytes } from './pack-size.ts';

/**
 * After the backup: what is newest is saved first. A snapshot is owed until its copy is whole; what fails here does not undo the backup.
 * @returns the error with which the command has to end when something is still owed
 */
export async function bringOver(context: CommandContext, fallback: Fallback, first: Repository): Promise<HoldfastError | undefined> {
  const { owed } = fallback;
  const ids = (await owed?.list()) ?? [];
  if (owed === undefined || ids.length === 0) return undefined;
  try {
    const report = await copyOwed(context, fallback, first, owed, ids);
    show(context, fallback, report);
    return report.failedCount === 0 ? undefined : pendingError(fallback, report.failedCount, 'a part of each is lost there');
  } catch (thrown) {
    // Also where the copy was stopped: the backup before it is saved, and its summary is to be told.
    return pendingError(fallback, ids.length, asHoldfastError(thrown).message);
  }
}

async function copyOwed(
  context: CommandContext,
  fallback: Fallback,
  first: Repository,
  owed: OwedSnapshots,
  ids: readonly SnapshotId[],
): Promise<CopyReport> {
  await using source = await openRepository(fallback.context, 'usual', 'enter password for fallback repository: ');
  const settled: SnapshotId[] = [];
  const report = await withLock(fallback.context, source, context.globals['no-lock'] ? 'none' : 'shared', (from) =>
    withLock(context, first, 'shared', async (to) => {
      const signal = AbortSignal.any([from.signal, to.signal]);
      const snapshots = await findOwed(context, fallback, source, owed, ids);
      first.forgetIndex();
      return await copySnapshots(source, first, {
        snapshots,
        compression: context.globals.compression,
        packSizeBytes: packSizeBytes(context.globals['pack-size']),
        onSnapshot: (outcome: SnapshotOutcome) => {
          if (outcome.kind !== 'failed') settled.push(outcome.source.id);
        },
        events: context.events,
        clock: context.clock,
        signal,
      });
    }),
  );
  // Only now: an error above leaves all of them owed, and the next time finds what was copied.
  for (const id of settled) await owed.remove(id);
  return report;
}

/** One that somebody removed from the fallback repository cannot be copied any more, and is said so once. */
async function findOwed(
  { events, signal }: CommandContext,
  { location }: Fallback,
  source: Repository,
  owed: OwedSnapshots,
  ids: readonly SnapshotId[],
): Promise<StoredSnapshot[]> {
  const found: StoredSnapshot[] = [];
  for (const id of ids) {
    const [selected] = await source.snapshots.select([id], everySnapshot, { signal });
    if (selected?.snapshot !== undefined) found.push(selected.snapshot);
    else if (selected?.error.code !== 'not-found') throw selected?.error ?? new HoldfastError('internal', 'a snapshot was not looked for');
    else {
      await owed.remove(id);
      events({ kind: 'warning', message: `snapshot ${id} was to be copied over, and is no longer in the fallback repository ${location}` });
    }
  }
  return found;
}

function show({ output, endProgress }: CommandContext, { location }: Fallback, report: CopyReport): void {
  const { copiedCount, skippedCount, failedCount, writtenBytes } = report;
  endProgress();
  if (output.isJson) {
    output.json({
      message_type: 'fallback_copied',
      fallback: location,
      snapshots_copied: copiedCount,
      snapshots_skipped: skippedCount,
      snapshots_failed: failedCount,
      bytes_written: writtenBytes,
    });
  } else if (copiedCount > 0) output.say(`copied ${count(copiedCount, 'snapshot')} over from the fallback repository ${location}`);
}

function pendingError({ location }: Fallback, pendingCount: number, reason: string): HoldfastError {
  const what = `${count(pendingCount, 'snapshot')} in the fallback repository ${location} could not be copied over`;
  return new HoldfastError('fallback-pending', `the backup is saved, but ${what}: ${reason}`, {
    hint: `The next backup tries it again, or you do it with: holdfast copy --from-repo ${location}`,
    context: { fallback: location, pendingCount },
  });
}
