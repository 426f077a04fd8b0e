/** Waits until the storage's lists are as new as one's own lock. */
import { HoldfastError } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type { LockId } from '../../base/ids.ts';
import { type LockPlace, listLocks } from './lock-files.ts';
import { sleepUnlessCancelled } from './sleep.ts';

/** Storages whose lists lag do so by seconds. */
const patienceMs = 60_000;
const firstPauseMs = 250;

/**
 * On some storages a list shows what was stored some time ago. A prune there would not see the newest snapshot, see its packs a moment later
 * and remove them as needed by nobody. Where one's own lock is listed, so is all that was stored before it; and after it nobody stores anything.
 * @throws HoldfastError `storage-failed` when the lock does not appear
 */
export async function awaitListing(place: LockPlace, id: LockId, events: EventSink, signal: AbortSignal | undefined): Promise<void> {
  const deadlineMs = place.clock.monotonicMs() + patienceMs;
  for (let pauseMs = firstPauseMs; ; pauseMs *= 2) {
    if ((await listLocks(place, signal)).some(({ name }) => name === id)) return;
    const leftMs = deadlineMs - place.clock.monotonicMs();
    if (leftMs <= 0) throw notListed(id);
    if (pauseMs === firstPauseMs)
      events({ kind: 'warning', message: 'the storage does not list yet what was just stored; waiting until it does' });
    await sleepUnlessCancelled(place.clock, Math.min(pauseMs, leftMs), signal);
  }
}

function notListed(id: LockId): HoldfastError {
  return new HoldfastError('storage-failed', `the storage does not list the lock ${id}, which was stored ${patienceMs / 1000} s ago`, {
    hint: 'Its lists lag behind, or somebody removed the lock. Nothing was changed: run the command again later.',
    context: { lock: id },
    isRetryable: true,
  });
}
