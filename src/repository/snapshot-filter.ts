/** Which snapshots are meant: by host, tags and paths, as restic's options --host, --tag and --path say. */
import { resolve } from 'node:path';
import { hasAllTags } from '../base/tags.ts';
import type { Snapshot } from '../format/snapshot.ts';

export interface SnapshotFilter {
  /** Any of these hosts; all hosts when empty. */
  readonly hosts: readonly string[];
  /** At least one of these lists, all tags of it (`--tag a,b --tag c`: a and b, or c). A list with '' is for snapshots without tags. */
  readonly tagLists: readonly (readonly string[])[];
  /** All of these paths must have been backed up, and others may; written exactly so in the snapshot. */
  readonly paths: readonly string[];
}

export const everySnapshot: SnapshotFilter = { hosts: [], tagLists: [], paths: [] };

export function isEmptyFilter(filter: SnapshotFilter): boolean {
  return filter.hosts.length + filter.tagLists.length + filter.paths.length === 0;
}

/** Reads the value of one `--tag`. */
export function parseTagList(text: string): string[] {
  return text.split(',').map((tag) => tag.trim());
}

export function matchesFilter(snapshot: Pick<Snapshot, 'hostname' | 'tags' | 'paths'>, filter: SnapshotFilter): boolean {
  const hasHost = filter.hosts.length === 0 || filter.hosts.includes(snapshot.hostname);
  const hasTags = filter.tagLists.length === 0 || filter.tagLists.some((tags) => hasAllTags(snapshot.tags, tags));
  return hasHost && hasTags && filter.paths.every((path) => snapshot.paths.includes(path));
}

/** The filter with its paths as a backup from the current folder would write them into the snapshot. */
export function withAbsolutePaths(filter: SnapshotFilter): SnapshotFilter {
  return { ...filter, paths: filter.paths.map((path) => resolve(path)) };
}

export function describeFilter({ hosts, tagLists, paths }: SnapshotFilter): string {
  const parts = [
    ...(hosts.length === 0 ? [] : [`host ${hosts.join(' or ')}`]),
    ...(tagLists.length === 0 ? [] : [`tags ${tagLists.map((tags) => tags.join(',')).join(' or ')}`]),
    ...(paths.length === 0 ? [] : [`paths ${paths.join(' and ')}`]),
  ];
  return parts.join(', ');
}
