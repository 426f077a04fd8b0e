/** Loads thousands of snapshots with all hands: workers read and decrypt, this thread takes them apart. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { SnapshotId } from '../base/ids.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import { type DecodedSnapshot, decodeSnapshot } from '../format/snapshot.ts';
import type { Backend, CallOptions } from '../storage/backend.ts';
import type { SmallFilesRequest, SmallFilesResponse } from '../workers/loading/small-files.ts';
import type { SmallFilesWorkerData } from '../workers/loading/small-files.worker.ts';
import { WorkerPool } from '../workers/pool.ts';

/** Fewer are loaded before a worker has started, which takes some 100 ms. */
const fewest = 2500;
/** Each takes some 15 MB, and two read and decrypt about as fast as one thread takes apart. */
const mostWorkers = 2;
/** Some 10 ms of work for a worker: enough to be worth a message, little enough to be shared evenly. */
const batchLength = 250;

export interface ManySnapshotsPlace {
  readonly backend: Backend;
  readonly key: MasterKey;
  readonly hasCompression: boolean;
}

/** Those that could be loaded so. The others, and all where it is not worth it, are to be loaded one by one, which also says what is wrong. */
export async function loadManySnapshots(
  { backend, key, hasCompression }: ManySnapshotsPlace,
  ids: readonly SnapshotId[],
  { signal }: CallOptions,
): Promise<Map<SnapshotId, DecodedSnapshot & { readonly id: SnapshotId }>> {
  const loaded = new Map<SnapshotId, DecodedSnapshot & { readonly id: SnapshotId }>();
  if (ids.length < fewest || !backend.capabilities.localFiles) return loaded;
  const data: SmallFilesWorkerData = { key, hasCompression };
  const entry = new URL(`../workers/loading/small-files.worker${extname(import.meta.url)}`, import.meta.url);
  const workerCount = Math.min(mostWorkers, availableParallelism());
  await using pool = new WorkerPool<SmallFilesRequest, SmallFilesResponse>({ entry, workerCount, workerData: () => data, signal });
  await Promise.all(
    batchesOf(ids).map(async (batch) => {
      const paths = batch.map((name) => backend.pathOf({ kind: 'snapshot', name }) ?? '');
      takeApart(batch, await pool.run({ paths, ids: batch }), loaded);
    }),
  );
  return loaded;
}

function batchesOf(ids: readonly SnapshotId[]): SnapshotId[][] {
  return Array.from({ length: Math.ceil(ids.length / batchLength) }, (_, batch) =>
    ids.slice(batch * batchLength, (batch + 1) * batchLength),
  );
}

function takeApart(
  ids: readonly SnapshotId[],
  { contents, lengths }: SmallFilesResponse,
  loaded: Map<SnapshotId, DecodedSnapshot & { readonly id: SnapshotId }>,
): void {
  let start = 0;
  for (const [index, id] of ids.entries()) {
    const end = start + (lengths[index] ?? 0);
    try {
      if (end > start) loaded.set(id, { ...decodeSnapshot(contents.subarray(start, end)), id });
    } catch {
      // Whoever loads it by itself says which file is damaged, and how.
    }
    start = end;
  }
}
