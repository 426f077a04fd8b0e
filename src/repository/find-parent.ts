/** The snapshot that a backup compares files with, so as not to read unchanged ones again. It saves time and decides nothing else. */
import { type EventSink, ignoreEvents } from '../base/events.ts';
import type { CallOptions } from '../storage/backend.ts';
import type { SnapshotFilter } from './snapshot-filter.ts';
import type { Snapshots, StoredSnapshot } from './snapshots.ts';

export interface ParentOptions extends CallOptions {
  /** Named by the caller: must exist then. */
  readonly reference?: string | undefined;
  /** Of the snapshot that will be made. */
  readonly hostname: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[];
  /** Time of the snapshot that will be made, in nanoseconds since 1970: a later one is no parent. */
  readonly timeNs: bigint;
  /** In what the parent must agree; restic's default is host and paths. */
  readonly groupBy?: ParentGrouping;
  readonly events?: EventSink;
}

export interface ParentGrouping {
  readonly byHost: boolean;
  readonly byPaths: boolean;
  readonly byTags: boolean;
}

export const defaultGrouping: ParentGrouping = { byHost: true, byPaths: true, byTags: false };

/**
 * Undefined when there is none, which makes the backup read everything. A damaged snapshot is reported and passed over.
 * @throws HoldfastError `not-found`, `ambiguous` or `damaged` for a parent that the caller named
 */
export async function findParent(snapshots: Snapshots, options: ParentOptions): Promise<StoredSnapshot | undefined> {
  const { reference, signal, events = ignoreEvents, timeNs } = options;
  const filter = parentFilter(options, options.groupBy ?? defaultGrouping);
  if (reference !== undefined) return (await snapshots.find(reference, filter, { signal, notAfterNs: timeNs })).snapshot;
  let deniedCount = 0;
  const parent = await snapshots.latest(filter, {
    signal,
    notAfterNs: timeNs,
    onDamaged: (_id, error) => {
      if (error.code === 'storage-denied') deniedCount++;
      else events({ kind: 'warning', message: `${error.message}; it cannot be a parent` });
    },
  });
  // In a repository that may be written and not read these are the snapshots of others, or the cache of this machine was lost.
  if (parent === undefined && deniedCount > 0) events({ kind: 'warning', message: deniedText(deniedCount) });
  return parent;
}

function deniedText(count: number): string {
  const what = count === 1 ? 'a snapshot that is' : `${count} snapshots that are`;
  return `there is no parent: ${what} not in the cache of this machine may not be read from the repository; all files are read`;
}

function parentFilter({ hostname, paths, tags }: ParentOptions, { byHost, byPaths, byTags }: ParentGrouping): SnapshotFilter {
  return { hosts: byHost ? [hostname] : [], paths: byPaths ? paths : [], tagLists: byTags ? [tags] : [] };
}
