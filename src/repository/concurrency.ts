/** Several loads at once, results in the order of the input. */
import { throwIfCancelled } from '../base/cancellation.ts';

/**
 * Small files in flight at once: a local disk needs few, a remote storage is all waiting. restic takes 5 for remote ones; more
 * helps with many snapshots and costs only a few small buffers.
 */
const loadsAtOnce = 16;

/** Runs `work` on every item. The first failure ends it: no further item is begun, and those under way are waited for. */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  signal?: AbortSignal,
  atOnce = loadsAtOnce,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  const queue = items.entries();
  let hasFailed = false;
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    for (const [position, item] of queue) {
      if (hasFailed) return;
      try {
        throwIfCancelled(signal);
        results[position] = await work(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  });
  await settleAll(workers);
  return results;
}

/** As Promise.all, but it returns only when nothing runs any more. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
