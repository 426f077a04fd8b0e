/** Makes new snapshots of old ones without some of the files, or with another host or time, as restic's `rewrite` does. */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { zeroTime } from '../../format/go-time.ts';
import type { Snapshot, SnapshotSummary } from '../../format/snapshot.ts';
import type { Uint64 } from '../../format/node.ts';
import type { Repository } from '../repository.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import { type PathSelectionOptions, selectPaths } from './path-selection.ts';
import { TreesByPath } from './rewrite-memo.ts';
import { RewriteSession, type RewriteSessionOptions } from './rewrite-session.ts';
import type { RewrittenTree, TreeEdit } from './tree-edit.ts';
import type { TreeRewriter } from './tree-rewriter.ts';

export interface RewriteSnapshotsOptions extends Omit<RewriteSessionOptions, 'operation' | 'tag'> {
  /** Absent: nothing is left out. */
  readonly selection?: PathSelectionOptions | undefined;
  /** Counts the files of snapshots whose records do not say how many they have. Selections count anyway. */
  readonly addsSummary: boolean;
  readonly newHost?: string | undefined;
  /** In the form of RFC 3339. */
  readonly newTime?: string | undefined;
  /** A snapshot that stays as it is. */
  readonly onUnchanged?: (snapshot: StoredSnapshot, reason: 'equal' | 'empty') => void;
}

export interface SnapshotRewriting {
  readonly rewrittenCount: number;
  readonly unchangedCount: number;
}

/** @throws HoldfastError; what was rewritten before stays, and a further run goes on from there */
export async function rewriteSnapshots(
  repository: Repository,
  snapshots: readonly StoredSnapshot[],
  options: RewriteSnapshotsOptions,
): Promise<SnapshotRewriting> {
  await using session = await RewriteSession.open(repository, { ...options, operation: 'rewrite', tag: 'rewrite' });
  const rewriter = session.rewriter(editOf(options), new TreesByPath());
  const counts = { rewrittenCount: 0, unchangedCount: 0 };
  for (const snapshot of snapshots) {
    throwIfCancelled(options.signal);
    const changes = await changesOf(snapshot, rewriter, options);
    if (typeof changes === 'string') {
      counts.unchangedCount++;
      options.onUnchanged?.(snapshot, changes);
      continue;
    }
    counts.rewrittenCount++;
    await session.replacer.replace(snapshot, changes);
  }
  await session.replacer.flush();
  return counts;
}

function editOf({ selection }: RewriteSnapshotsOptions): TreeEdit {
  return selection === undefined ? { editNode: () => 'keep' } : selectPaths(selection);
}

/** An include that selects nothing of a snapshot leaves it alone: it was hardly meant to remove all of it. */
async function changesOf(
  snapshot: StoredSnapshot,
  rewriter: TreeRewriter,
  { selection, addsSummary, newHost, newTime }: RewriteSnapshotsOptions,
): Promise<Partial<Snapshot> | 'equal' | 'empty'> {
  const record = { ...(newHost === undefined ? {} : { hostname: newHost }), ...(newTime === undefined ? {} : { time: newTime }) };
  const isRecordChanged = (newHost ?? snapshot.hostname) !== snapshot.hostname || (newTime ?? snapshot.time) !== snapshot.time;
  if (selection === undefined && !addsSummary) return isRecordChanged ? record : 'equal';
  const result = await rewriter.rewrite(snapshot.tree);
  const { tree } = result;
  if (tree === undefined) return 'empty';
  const summary = summaryFor(snapshot.summary, result);
  if (tree === snapshot.tree && !isRecordChanged && isEqualSummary(summary, snapshot.summary)) return 'equal';
  return { ...record, tree, summary };
}

/** Only these two numbers are about the snapshot; the others are about the backup that made it, and stay. */
function summaryFor(before: SnapshotSummary | undefined, { fileCount, fileBytes }: RewrittenTree): SnapshotSummary {
  return { ...(before ?? emptySummary), totalFilesProcessed: fileCount, totalBytesProcessed: asUint64(fileBytes) };
}

/** As restic fills it in for a snapshot that has none. */
const emptySummary: SnapshotSummary = {
  backupStart: zeroTime,
  backupEnd: zeroTime,
  filesNew: 0,
  filesChanged: 0,
  filesUnmodified: 0,
  dirsNew: 0,
  dirsChanged: 0,
  dirsUnmodified: 0,
  dataBlobs: 0,
  treeBlobs: 0,
  dataAdded: 0,
  dataAddedPacked: 0,
  totalFilesProcessed: 0,
  totalBytesProcessed: 0,
};

function isEqualSummary(one: SnapshotSummary, other: SnapshotSummary | undefined): boolean {
  return (
    other !== undefined &&
    BigInt(one.totalFilesProcessed) === BigInt(other.totalFilesProcessed) &&
    BigInt(one.totalBytesProcessed) === BigInt(other.totalBytesProcessed)
  );
}

function asUint64(value: bigint): Uint64 {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
