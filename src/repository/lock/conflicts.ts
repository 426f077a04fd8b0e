/** Looks for locks of others that exclude one's own. */
import { HoldfastError } from '../../base/errors.ts';
import type { LockId } from '../../base/ids.ts';
import { type FoundLock, type LockPlace, readLocks } from './lock-files.ts';
import { ageMs, describeOwner, isOwnerGone, staleLockMs } from './lock-owner.ts';
import { sleepUnlessCancelled } from './sleep.ts';

/** What an attempt to get a lock knows about others: locks found harmless stay harmless, for lock files never change. */
export interface Attempt {
  readonly isExclusive: boolean;
  readonly harmless: Set<LockId>;
  readonly signal: AbortSignal | undefined;
}

/**
 * A lock that cannot be read may be one that somebody writes at this moment, on storage without atomic writes. Those few hundred bytes
 * are through in far less than the 3.5 s that three more looks take, each after twice the pause of the one before.
 */
const furtherLooks = 3;
const firstPauseMs = 500;

/**
 * Returns when no lock of others is in the way. Locks of dead processes of this host are removed on the way.
 * @throws HoldfastError `repository-locked` naming the holder; `damaged` for a lock that stays unreadable
 */
export async function checkForConflicts(place: LockPlace, attempt: Attempt): Promise<void> {
  for (let look = 0; ; look++) {
    const unreadable = await findUnreadable(place, attempt);
    if (unreadable === undefined) return;
    if (look === furtherLooks) throw unreadable;
    await sleepUnlessCancelled(place.clock, firstPauseMs * 2 ** look, attempt.signal);
  }
}

/** @throws HoldfastError `repository-locked` at the first lock that is in the way */
async function findUnreadable(place: LockPlace, attempt: Attempt): Promise<HoldfastError | undefined> {
  let unreadable: HoldfastError | undefined;
  for (const found of await readLocks(place, attempt.harmless, attempt.signal)) {
    if (found.lock === undefined) unreadable ??= found.error;
    else if (isOwnerGone(found.lock, place.clock.nowNs()) && (await removeAbandoned(place, found.id))) continue;
    else if (attempt.isExclusive || found.lock.isExclusive) throw conflict(found, place.clock.nowNs());
    else attempt.harmless.add(found.id);
  }
  return unreadable;
}

/** Safe for everybody: the process is gone, so nobody relies on this lock any more. Where removing is not allowed it stays in force. */
async function removeAbandoned(place: LockPlace, id: LockId): Promise<boolean> {
  try {
    await place.files.remove('lock', id);
    return true;
  } catch {
    return false;
  }
}

function conflict({ id, lock }: FoundLock & { readonly error?: undefined }, nowNs: bigint): HoldfastError {
  const since = new Date(Number(lock.timeNs / 1_000_000n)).toISOString();
  const manner = lock.isExclusive ? 'locked exclusively' : 'in use';
  return new HoldfastError('repository-locked', `the repository is ${manner} by ${describeOwner(lock)} since ${since}`, {
    hint: ageMs(lock, nowNs) > staleLockMs ? staleHint : 'Wait until that process has finished, or let this one wait with --retry-lock.',
    context: { lock: id, hostname: lock.hostname, username: lock.username, pid: lock.pid, since, exclusive: lock.isExclusive },
    isRetryable: true,
  });
}

const staleHint =
  'That lock was not refreshed for more than 30 minutes. If its process no longer runs on that host, remove the lock with `unlock`.';
