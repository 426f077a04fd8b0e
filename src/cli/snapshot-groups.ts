/** Snapshots that belong together: same host, same paths, same tags. */
import { HoldfastError } from '../base/errors.ts';
import type { ParentGrouping } from '../repository/find-parent.ts';
import type { StoredSnapshot } from '../repository/snapshots.ts';

export interface SnapshotGroup {
  /** Undefined where the grouping does not look at it. */
  readonly hostname: string | undefined;
  readonly paths: readonly string[] | undefined;
  readonly tags: readonly string[] | undefined;
  readonly snapshots: readonly StoredSnapshot[];
}

const groupingWords: Readonly<Record<string, keyof ParentGrouping>> = {
  host: 'byHost',
  hosts: 'byHost',
  path: 'byPaths',
  paths: 'byPaths',
  tag: 'byTags',
  tags: 'byTags',
};

/** The value of `--group-by`: `host,paths`; '' groups by nothing. */
export function parseGrouping(text: string): ParentGrouping {
  const grouping = { byHost: false, byPaths: false, byTags: false };
  for (const word of text.split(',').filter((part) => part !== '')) {
    const key = Object.hasOwn(groupingWords, word) ? groupingWords[word] : undefined;
    if (key === undefined) {
      throw new HoldfastError('usage', `--group-by cannot contain ${JSON.stringify(word)}`, {
        hint: 'Give host, paths and tags, with commas between them.',
      });
    }
    grouping[key] = true;
  }
  return grouping;
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

/** As restic prints it: what the grouping does not look at is empty or null. */
export function groupKeyOf({ hostname, paths, tags }: SnapshotGroup): object {
  return { hostname: hostname ?? '', paths: paths ?? null, tags: tags === undefined || tags.length === 0 ? null : tags };
}

/** The newest of a list that is ordered by time. Without any grouping each host with each set of paths counts by itself. */
export function newestOf(list: readonly StoredSnapshot[], count: number, grouping: ParentGrouping): StoredSnapshot[] {
  const isGrouped = grouping.byHost || grouping.byPaths || grouping.byTags;
  const perGroup = isGrouped ? grouping : { byHost: true, byPaths: true, byTags: false };
  const kept = new Set(groupSnapshots(list, perGroup).flatMap((group) => group.snapshots.slice(-count)));
  return list.filter((snapshot) => kept.has(snapshot));
}
