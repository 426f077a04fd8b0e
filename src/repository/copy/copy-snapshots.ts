/** Copies snapshots from one repository into another, with all that they need and that is not there yet. */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { systemClock } from '../../base/clock.ts';
import { ignoreEvents } from '../../base/events.ts';
import { returnFreedMemory } from '../../base/freed-memory.ts';
import type { Repository } from '../repository.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import type { CopyCounts, CopyOptions, CopyReport } from './copy-options.ts';
import { CopySession } from './copy-session.ts';
import { ExistingCopies } from './existing-copies.ts';

/**
 * Both repositories are locked by the caller, the destination not exclusively.
 *
 * A snapshot of which something is lost in the source is not copied, and the others are: look at `failedCount`.
 *
 * @throws HoldfastError `verify-failed`, `damaged` for an index that cannot be read, `storage-*`, `cancelled`. Then some of the
 *   snapshots may have been copied, each of them whole; the same call goes on where this one ended.
 */
export async function copySnapshots(source: Repository, destination: Repository, options: CopyOptions): Promise<CopyReport> {
  const { clock = systemClock, events = ignoreEvents, signal } = options;
  const startMs = clock.monotonicMs();
  // A copy takes and frees many megabytes a second, in several threads.
  returnFreedMemory();
  // Before the destination's index: what a snapshot found here needs is then in it.
  const existing = await ExistingCopies.load(destination.snapshots, events, { signal });
  const wanted = options.snapshots.filter((snapshot) => !isThere(snapshot, existing, options));
  warnOfPolynomials(source, destination, options);
  const counts = wanted.length === 0 ? nothingCopied : await copyWanted(source, destination, wanted, options);
  throwIfCancelled(signal);
  const skippedCount = options.snapshots.length - wanted.length;
  return { ...counts, skippedCount, secondsElapsed: (clock.monotonicMs() - startMs) / 1000 };
}

const nothingCopied: CopyCounts = {
  copiedCount: 0,
  failedCount: 0,
  blobCount: 0,
  sourceBytes: 0,
  writtenBytes: 0,
  packCount: 0,
  verifiedPackCount: 0,
};

function isThere(source: StoredSnapshot, existing: ExistingCopies, { onSnapshot }: CopyOptions): boolean {
  const copy = existing.find(source);
  if (copy !== undefined) onSnapshot?.({ kind: 'skipped', source, id: copy.id });
  return copy !== undefined;
}

function warnOfPolynomials(source: Repository, destination: Repository, { events = ignoreEvents }: CopyOptions): void {
  if (source.config.polynomial === destination.config.polynomial) return;
  const message =
    'the two repositories cut files in different ways, so what is copied and what is backed up into the destination share no data; a destination made by init --copy-chunker-params cuts as the source does';
  events({ kind: 'warning', message });
}

async function copyWanted(
  source: Repository,
  destination: Repository,
  wanted: readonly StoredSnapshot[],
  options: CopyOptions,
): Promise<CopyCounts> {
  await using session = new CopySession(source, destination, options);
  return await session.run(wanted);
}
