/** Groups of snapshots as people name them and programs read them. */
import { HoldfastError } from '../base/errors.ts';
import type { ParentGrouping } from '../repository/find-parent.ts';
import { groupSnapshots, type SnapshotGroup } from '../repository/snapshot-groups.ts';
import type { StoredSnapshot } from '../repository/snapshots.ts';
import { printableName } from './render/format.ts';

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

export interface PrintedGroupKey {
  readonly hostname: string;
  readonly paths: readonly string[] | null;
  readonly tags: readonly string[] | null;
}

/** As restic prints it: what the grouping does not look at is empty or null. */
export function groupKeyOf({ hostname, paths, tags }: Omit<SnapshotGroup, 'snapshots'>): PrintedGroupKey {
  return { hostname: hostname ?? '', paths: paths ?? null, tags: tags === undefined || tags.length === 0 ? null : tags };
}

/** `host [vm], paths [/home, /etc]`; '' when nothing groups. */
export function describeGroup({ hostname, paths, tags }: Omit<SnapshotGroup, 'snapshots'>): string {
  const parts = [
    ...(hostname === undefined ? [] : [`host [${printableName(hostname)}]`]),
    ...(tags === undefined ? [] : [`tags [${tags.map(printableName).join(', ')}]`]),
    ...(paths === undefined ? [] : [`paths [${paths.map(printableName).join(', ')}]`]),
  ];
  return parts.join(', ');
}

/** The newest of a list that is ordered by time. Without any grouping each host with each set of paths counts by itself. */
export function newestOf(list: readonly StoredSnapshot[], count: number, grouping: ParentGrouping): StoredSnapshot[] {
  const isGrouped = grouping.byHost || grouping.byPaths || grouping.byTags;
  const perGroup = isGrouped ? grouping : { byHost: true, byPaths: true, byTags: false };
  const kept = new Set(groupSnapshots(list, perGroup).flatMap((group) => group.snapshots.slice(-count)));
  return list.filter((snapshot) => kept.has(snapshot));
}
