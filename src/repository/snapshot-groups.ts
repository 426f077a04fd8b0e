/** Snapshots that belong together: same host, same paths, same tags. */
import type { ParentGrouping } from './find-parent.ts';
import type { StoredSnapshot } from './snapshots.ts';

export interface SnapshotGroup {
  /** Undefined where the grouping does not look at it. */
  readonly hostname: string | undefined;
  readonly paths: readonly string[] | undefined;
  readonly tags: readonly string[] | undefined;
  readonly snapshots: readonly StoredSnapshot[];
}

/** Groups in the order of their first snapshots; the order in a group stays. */
export function groupSnapshots(list: readonly StoredSnapshot[], grouping: ParentGrouping): SnapshotGroup[] {
  const groups = new Map<string, Omit<SnapshotGroup, 'snapshots'> & { snapshots: StoredSnapshot[] }>();
  for (const snapshot of list) {
    const key = {
      hostname: grouping.byHost ? snapshot.hostname : undefined,
      paths: grouping.byPaths ? snapshot.paths.toSorted() : undefined,
      tags: grouping.byTags ? snapshot.tags.toSorted() : undefined,
    };
    const text = JSON.stringify(key);
    const group = groups.get(text) ?? { ...key, snapshots: [] };
    group.snapshots.push(snapshot);
    groups.set(text, group);
  }
  return [...groups.values()];
}
