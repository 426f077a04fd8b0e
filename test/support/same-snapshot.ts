/** The two programs save the same source, and what they stored is compared. */
import assert from 'node:assert/strict';
import type { StoredSnapshot } from '../../src/repository/snapshots.ts';
import { snapshotOf, summaryOf } from './holdfast.ts';
import type { RunOptions } from './peers.ts';
import type { SharedRepository } from './shared-repository.ts';

/** What a snapshot says of itself, apart from what differs by nature: the program, its run, and the ids that follow from those. */
const comparedFields = ['tree', 'paths', 'hostname', 'username', 'uid', 'gid', 'tags', 'excludes'] as const;

/** Counts that the two must agree on when both found the same parent, or none. */
const comparedCounts = [
  'files_new',
  'files_changed',
  'files_unmodified',
  'dirs_new',
  'dirs_changed',
  'dirs_unmodified',
  'total_files_processed',
  'total_bytes_processed',
] as const;

export interface SameSnapshot {
  /** Id of the root tree of both. */
  readonly tree: string;
  readonly ours: StoredSnapshot;
  readonly theirs: StoredSnapshot;
}

/** Holdfast saves with these arguments, then restic with the same: the second has nothing to add, and both say the same. */
export async function assertSameSnapshot(
  shared: SharedRepository,
  args: readonly string[],
  options: RunOptions = {},
): Promise<SameSnapshot> {
  const ours = await shared.holdfast(['backup', ...args], options);
  const theirs = await shared.restic(['backup', '--json', ...args], options);
  assertNothingAdded(theirs);
  assert.deepEqual(countsOf(ours), countsOf(theirs));
  const [ourSnapshot, theirSnapshot] = [await shared.readSnapshot(snapshotOf(ours)), await shared.readSnapshot(snapshotOf(theirs))];
  for (const field of comparedFields) assert.deepEqual(ourSnapshot[field], theirSnapshot[field], field);
  return { tree: ourSnapshot.tree, ours: ourSnapshot, theirs: theirSnapshot };
}

export function assertNothingAdded(result: Parameters<typeof summaryOf>[0]): void {
  const { data_blobs, tree_blobs, data_added } = summaryOf(result);
  assert.deepEqual({ data_blobs, tree_blobs, data_added }, { data_blobs: 0, tree_blobs: 0, data_added: 0 });
}

function countsOf(result: Parameters<typeof summaryOf>[0]): Record<string, number | undefined> {
  const summary = summaryOf(result);
  return Object.fromEntries(comparedCounts.map((name) => [name, summary[name]]));
}
