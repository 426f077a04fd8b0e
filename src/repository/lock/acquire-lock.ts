/**
 * Gets a lock on a repository, by the protocol that all programs of this format follow: look for locks in the way, write one's own, wait,
 * look again. Of two that write at once each sees the other's at its second look, so at most one goes on.
 * Source: restic's design document, "Locks".
 */
import type { EventSink } from '../../base/events.ts';
import { ignoreEvents } from '../../base/events.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { LockId } from '../../base/ids.ts';
import { awaitListing } from './await-listing.ts';
import { type Attempt, checkForConflicts } from './conflicts.ts';
import { ignoreHangup, stopIgnoringHangup } from './hangup.ts';
import { instantOf } from './instant.ts';
import { Lock } from './lock.ts';
import { type LockPlace, writeLock } from './lock-files.ts';
import { currentOwner } from './lock-owner.ts';
import { settleMs, sleepUnlessCancelled } from './sleep.ts';

export interface AcquireLockOptions {
  /** Nobody else may hold any lock: for what removes or rewrites. Others share the repository. */
  readonly isExclusive: boolean;
  /** How long to wait for others to finish; 0 unless told. */
  readonly retryLockMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly events?: EventSink;
  /**
   * Called when the lock's file is written, while the wait before the second look goes on. Reading may begin then. Whatever
   * it leads to must not be made visible (no index, no snapshot) before the lock is held. An attempt that is repeated calls again.
   */
  readonly onWritten?: () => void;
}

/** Pauses between attempts double from the first to the longest, as in restic. */
const firstRetryPauseMs = 5_000;
const longestRetryPauseMs = 60_000;

/**
 * Takes at least 0.2 s, nearly all of it waiting: start it before other work and await it before the first write to the repository.
 * @throws HoldfastError `repository-locked` naming the holder, `damaged` for an unreadable lock, `cancelled`
 */
export async function acquireLock(place: LockPlace, options: AcquireLockOptions): Promise<Lock> {
  const { retryLockMs = 0, events = ignoreEvents, signal } = options;
  const deadlineMs = place.clock.monotonicMs() + retryLockMs;
  for (let pauseMs = firstRetryPauseMs, isFirst = true; ; pauseMs = Math.min(2 * pauseMs, longestRetryPauseMs), isFirst = false) {
    try {
      return await tryAcquire(place, options, events);
    } catch (error) {
      const leftMs = deadlineMs - place.clock.monotonicMs();
      if (!(error instanceof HoldfastError) || error.code !== 'repository-locked' || leftMs <= 0) throw error;
      if (isFirst) events({ kind: 'warning', message: `${error.message}; waiting up to ${Math.ceil(retryLockMs / 1000)} s for it` });
      await sleepUnlessCancelled(place.clock, Math.min(pauseMs, leftMs), signal);
    }
  }
}

async function tryAcquire(place: LockPlace, { isExclusive, signal, onWritten }: AcquireLockOptions, events: EventSink): Promise<Lock> {
  const attempt: Attempt = { isExclusive, harmless: new Set(), signal };
  await checkForConflicts(place, attempt);
  ignoreHangup();
  try {
    const written = instantOf(place.clock);
    const lock = { ...currentOwner(), timeNs: written.nowNs, isExclusive };
    // Without the signal: a write that was cancelled may have happened, and a lock whose id nobody knows would stay.
    const id = await writeLock(place, lock);
    onWritten?.();
    await confirm(place, id, attempt, events);
    return new Lock(place, { id, lock, written }, events);
  } catch (error) {
    stopIgnoringHangup();
    throw error;
  }
}

/** The second look. Whatever ends it, one's own lock does not stay in the way of others. */
async function confirm(place: LockPlace, id: LockId, attempt: Attempt, events: EventSink): Promise<void> {
  try {
    attempt.harmless.add(id);
    await sleepUnlessCancelled(place.clock, settleMs, attempt.signal);
    // Whoever shares the repository removes nothing, so an old list does no harm.
    if (attempt.isExclusive) await awaitListing(place, id, events, attempt.signal);
    await checkForConflicts(place, attempt);
  } catch (error) {
    await place.files.remove('lock', id);
    throw error;
  }
}
