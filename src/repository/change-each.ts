/** One change for each of many snapshots: one that fails is reported, and the others get theirs. */
import { asHoldfastError, type ErrorCode, toErrorRecord } from '../base/errors.ts';
import { type EventSink, ignoreEvents, type Operation } from '../base/events.ts';
import { type SnapshotId, shortId } from '../base/ids.ts';
import type { CallOptions } from '../storage/backend.ts';
import { mapConcurrently } from './concurrency.ts';

export interface ChangeEachOptions extends CallOptions {
  readonly operation: Operation;
  /** What the message of a failure says: "snapshot 1a2b3c4d could not be removed". */
  readonly failure: string;
  readonly events?: EventSink | undefined;
  /** As many as loads, unless told. */
  readonly atOnce?: number | undefined;
}

/** Whoever meets these has lost the right or the will to change anything more. */
const endsAll: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['cancelled', 'repository-locked', 'internal']);

/**
 * Several at once, begun in the order given. @returns those that failed
 * @throws HoldfastError `cancelled`, `repository-locked` when the lock was lost, `internal`
 */
export async function changeEach<Item extends { readonly id: SnapshotId }>(
  items: readonly Item[],
  change: (item: Item) => Promise<void>,
  { operation, failure, signal, events = ignoreEvents, atOnce }: ChangeEachOptions,
): Promise<Item[]> {
  const failed: Item[] = [];
  let doneCount = 0;
  const changeOne = async (item: Item): Promise<void> => {
    try {
      await change(item);
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (endsAll.has(error.code)) throw error;
      failed.push(item);
      const message = `snapshot ${shortId(item.id)} could not be ${failure}: ${error.message}`;
      events({ kind: 'failure', operation, error: { ...toErrorRecord(error), message } });
    }
    doneCount += 1;
    events({ kind: 'progress', operation, filesDone: doneCount, filesTotal: items.length, bytesDone: 0, errorCount: failed.length });
  };
  await mapConcurrently(items, changeOne, signal, atOnce);
  return failed;
}
