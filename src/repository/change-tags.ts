/** Other tags for a snapshot. Files never change, so the snapshot is written anew with another id, and the old one removed. */
import type { SnapshotId } from '../base/ids.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { CallOptions } from '../storage/backend.ts';
import type { StoredSnapshot } from './snapshots.ts';

/** Either the tags that replace all others, or what is added and then removed. */
export type TagChange =
  | { readonly set: readonly string[] }
  | { readonly set?: undefined; readonly add: readonly string[]; readonly remove: readonly string[] };

export interface SnapshotStore {
  save(snapshot: Snapshot, options?: CallOptions): Promise<SnapshotId>;
  remove(id: SnapshotId, options?: CallOptions): Promise<void>;
}

/**
 * The new snapshot's id; undefined when the change changes nothing. `original` names the first of all the snapshots that replaced one
 * another. The new one is durable before the old one is removed: killed in between, both are there, and no backup is lost.
 */
export async function changeTags(
  store: SnapshotStore,
  old: StoredSnapshot,
  change: TagChange,
  options: CallOptions = {},
): Promise<SnapshotId | undefined> {
  const tags = change.set ?? removeTags(addTags(old.tags, change.add), change.remove);
  // As restic: to set tags makes a new snapshot even when it has them all.
  if (change.set === undefined && isEqual(tags, old.tags)) return undefined;
  const id = await store.save({ ...old, tags, original: old.original ?? old.id }, options);
  await store.remove(old.id, options);
  return id;
}

function addTags(tags: readonly string[], added: readonly string[]): string[] {
  const result = [...tags];
  for (const tag of added) if (!result.includes(tag)) result.push(tag);
  return result;
}

/** The last tag takes the place of a removed one, and of a tag that is there twice one goes: the order is that of restic's file. */
function removeTags(tags: readonly string[], removed: readonly string[]): string[] {
  const result = [...tags];
  for (const tag of removed) {
    const at = result.indexOf(tag);
    const last = at === -1 ? undefined : result.pop();
    if (last !== undefined && at < result.length) result[at] = last;
  }
  return result;
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag, index) => tag === b[index]);
}
