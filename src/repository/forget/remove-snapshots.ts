/** Removes the records of snapshots. What they refer to stays until a prune finds that nobody needs it. */
import type { EventSink } from '../../base/events.ts';
import type { SnapshotId } from '../../base/ids.ts';
import type { CallOptions } from '../../storage/backend.ts';
import { changeEach } from '../change-each.ts';

export interface RemoveOptions extends CallOptions {
  readonly events?: EventSink | undefined;
}

/** A disk makes all removals durable at once that wait for it at the same time: with few of them most of the time would be waiting. */
const removalsAtOnce = 128;

export interface RemovalPlace {
  remove(id: SnapshotId, options?: CallOptions): Promise<void>;
}

/**
 * Begins with the first: give them oldest first, and whoever is interrupted is left with the newer ones. Killed at any instant this has
 * removed some of the snapshots that were to go and none of the others; the rest of them is decided the same way again by the next
 * run (see applyPolicy). One that cannot be removed is reported, and the others go.
 *
 * Needs an exclusive lock: a backup that runs meanwhile may have taken one of them for its parent.
 *
 * @returns those that could not be removed. Errors as changeEach.
 */
export async function removeSnapshots<Item extends { readonly id: SnapshotId }>(
  place: RemovalPlace,
  snapshots: readonly Item[],
  { signal, events }: RemoveOptions = {},
): Promise<Item[]> {
  const remove = async ({ id }: Item) => await place.remove(id, { signal });
  return await changeEach(snapshots, remove, { operation: 'forget', failure: 'removed', atOnce: removalsAtOnce, signal, events });
}
