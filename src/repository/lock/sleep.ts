import { throwIfCancelled } from '../../base/cancellation.ts';
import type { Clock } from '../../base/clock.ts';

/** @throws HoldfastError `cancelled`, or the signal's own HoldfastError, when it fires before the time is over */
export async function sleepUnlessCancelled(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    throwIfCancelled(signal);
    throw error;
  }
}

/** Time for a lock that was just written to be seen by others; restic waits as long. */
export const settleMs = 200;
