/**
 * One backup from the lock to the snapshot, on a repository that was opened.
 *
 * Reading begins as soon as the lock's file is written; nothing that others can see is written before the lock is held.
 */
import { userInfo } from 'node:os';
import type { BlobId, SnapshotId } from '../base/ids.ts';
import { formatTimeNs } from '../format/go-time.ts';
import type { SnapshotSummary } from '../format/snapshot.ts';
import type { ParentGrouping } from '../repository/find-parent.ts';
import { loadIndex } from '../repository/index/load-index.ts';
import type { Lock } from '../repository/lock/lock.ts';
import type { Repository } from '../repository/repository.ts';
import type { StoredSnapshot } from '../repository/snapshots.ts';
import type { IndexTable } from '../workers/index-table.ts';
import type { ArchiveSession } from './archive-session.ts';
import type { BackupOptions, BackupResult } from './backup-options.ts';

export interface BackupRequest extends Omit<BackupOptions, 'parent' | 'timeNs' | 'permission' | 'saveSnapshot'> {
  /** The parent: found by host and paths, named, or none at all so that every file is read. */
  readonly parentChoice:
    | { readonly kind: 'found'; readonly groupBy?: ParentGrouping }
    | { readonly kind: 'named'; readonly reference: string }
    | { readonly kind: 'none' };
  /** What the snapshot says of itself. */
  readonly record: SnapshotRecord;
  /** How long to wait for a lock of others. */
  readonly retryLockMs?: number;
  /** Only for repositories that nobody else uses. */
  readonly withoutLock?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface SnapshotRecord {
  /** Time of the snapshot in nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** Absolute paths of the targets. */
  readonly paths: readonly string[];
  readonly hostname: string;
  readonly tags: readonly string[];
  /** Exclude patterns as given. */
  readonly excludes: readonly string[];
  readonly programVersion: string;
}

export interface BackupOutcome extends BackupResult {
  readonly parentId: SnapshotId | undefined;
}

interface Prepared {
  readonly parent: StoredSnapshot | undefined;
  readonly index: IndexTable;
}

/** @throws HoldfastError; then no snapshot was made, and what was stored is found again by the next backup */
export async function backup(session: ArchiveSession, repository: Repository, request: BackupRequest): Promise<BackupOutcome> {
  const preparation = Promise.withResolvers<Prepared>();
  // Met where it is awaited, unless the lock fails first.
  preparation.promise.catch(() => {});
  const prepare = (): void => preparation.resolve(prepareBackup(session, repository, request));
  const permission = lockForBackup(repository, request, prepare);
  permission.catch(preparation.reject);
  const stopWhenLost = async (): Promise<void> => {
    const lost = (await permission)?.lost;
    if (lost?.aborted === true) session.stop(lost.reason);
    lost?.addEventListener('abort', () => session.stop(lost.reason), { once: true });
  };
  stopWhenLost().catch(preparation.reject);
  try {
    const { parent, index } = await preparation.promise;
    const result = await session.run(indexSaving(repository, request.signal), index, {
      ...request,
      timeNs: request.record.timeNs,
      parent: parent === undefined ? undefined : { id: parent.id, tree: parent.tree },
      permission,
      saveSnapshot: (tree, summary) => saveSnapshot(repository, request, parent?.id, tree, summary),
    });
    return { ...result, parentId: parent?.id };
  } finally {
    const lock = await permission.catch(() => undefined);
    await lock?.release();
  }
}

async function lockForBackup(repository: Repository, request: BackupRequest, onWritten: () => void): Promise<Lock | undefined> {
  const { retryLockMs = 0, signal, events, withoutLock } = request;
  if (withoutLock === true) {
    onWritten();
    return undefined;
  }
  if (retryLockMs === 0) return await repository.lock({ isExclusive: false, signal, events, onWritten });
  // While we wait for others the repository changes: only what is read afterwards is to be relied on.
  const lock = await repository.lock({ isExclusive: false, retryLockMs, signal, events });
  onWritten();
  return lock;
}

/** To look at so many takes longer than to start a thread. */
const manyFiles = 5_000;

/** Snapshots before the index: a snapshot of another host that comes in between needs nothing that the index lacks. */
async function prepareBackup(session: ArchiveSession, repository: Repository, request: BackupRequest): Promise<Prepared> {
  const parent = await chooseParent(repository, request);
  if (Number(parent?.summary?.totalFilesProcessed ?? 0) >= manyFiles) session.pool.startAll();
  const { signal } = request;
  const index = await loadIndex(repository.backend, repository.masterKey, { signal, reader: session.readIndexFile });
  return { parent, index };
}

async function chooseParent(repository: Repository, request: BackupRequest): Promise<StoredSnapshot | undefined> {
  const { parentChoice, record, signal, events } = request;
  if (parentChoice.kind === 'none') return undefined;
  const { hostname, paths, tags, timeNs } = record;
  const options = { hostname, paths, tags, timeNs, signal, events };
  if (parentChoice.kind === 'named') return await repository.findParent({ ...options, reference: parentChoice.reference });
  const { groupBy } = parentChoice;
  return await repository.findParent(groupBy === undefined ? options : { ...options, groupBy });
}

function indexSaving({ backend, masterKey, config, files }: Repository, signal: AbortSignal | undefined) {
  return { backend, masterKey, config, saveIndex: (json: Uint8Array) => files.save('index', json, { signal }) };
}

async function saveSnapshot(
  repository: Repository,
  { record, signal }: BackupRequest,
  parent: SnapshotId | undefined,
  tree: string,
  summary: SnapshotSummary,
): Promise<SnapshotId> {
  const { username, uid, gid } = userInfo();
  const { timeNs, ...said } = record;
  const snapshot = {
    ...said,
    time: formatTimeNs(timeNs),
    tree: tree as BlobId,
    username,
    uid: Math.max(0, uid),
    gid: Math.max(0, gid),
    summary,
  };
  return await repository.snapshots.save(parent === undefined ? snapshot : { ...snapshot, parent }, { signal });
}
