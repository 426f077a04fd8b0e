/** Loads thousands of snapshots with all hands: workers read and decrypt, this thread takes them apart. Until they begin it does both. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { setImmediate as giveTurn } from 'node:timers/promises';
import { throwIfCancelled } from '../base/cancellation.ts';
import { systemRandomness } from '../base/clock.ts';
import type { SnapshotId } from '../base/ids.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import { Sealer } from '../crypto/sealer.ts';
import { type DecodedSnapshot, decodeSnapshot } from '../format/snapshot.ts';
import type { Backend, CallOptions } from '../storage/backend.ts';
import { openSmallFiles, type SmallFilesRequest, type SmallFilesResponse } from '../workers/loading/small-files.ts';
import type { SmallFilesWorkerData } from '../workers/loading/small-files.worker.ts';
import { WorkerPool } from '../workers/pool.ts';

/** Fewer are loaded before a worker has started, which takes some 100 ms. */
const fewest = 2500;
/** Each takes some 15 MB, and two read and decrypt about as fast as one thread takes apart. */
const mostWorkers = 2;
/** Some 10 ms of work for a worker: enough to be worth a message, little enough to be shared evenly. */
const batchLength = 250;
/** Each works on one while the next waits. */
const batchesAtWorker = 2;
/** What this thread takes while the workers start: little enough for signals and timers to get their turn soon. */
const ownBatchLength = 50;

export interface ManySnapshotsPlace {
  readonly backend: Backend;
  readonly key: MasterKey;
  readonly hasCompression: boolean;
}

type LoadedSnapshots = Map<SnapshotId, DecodedSnapshot & { readonly id: SnapshotId }>;

/** Those that could be loaded so. The others, and all where it is not worth it, are to be loaded one by one, which also says what is wrong. */
export async function loadManySnapshots(
  place: ManySnapshotsPlace,
  ids: readonly SnapshotId[],
  { signal }: CallOptions,
): Promise<LoadedSnapshots> {
  if (ids.length < fewest || !place.backend.capabilities.localFiles) return new Map();
  return await new Loading(place, ids).run(signal);
}

class Loading {
  readonly #place: ManySnapshotsPlace;
  readonly #ids: readonly SnapshotId[];
  readonly #loaded: LoadedSnapshots = new Map();
  #takenCount = 0;
  /** No worker is at work yet. */
  #isHelpWanted = true;

  constructor(place: ManySnapshotsPlace, ids: readonly SnapshotId[]) {
    this.#place = place;
    this.#ids = ids;
  }

  async run(signal: AbortSignal | undefined): Promise<LoadedSnapshots> {
    const { key, hasCompression } = this.#place;
    const data: SmallFilesWorkerData = { key, hasCompression };
    const entry = new URL(`../workers/loading/small-files.worker${extname(import.meta.url)}`, import.meta.url);
    const workerCount = Math.min(mostWorkers, availableParallelism());
    await using pool = new WorkerPool<SmallFilesRequest, SmallFilesResponse>({ entry, workerCount, workerData: () => data, signal });
    const byWorkers = Array.from({ length: workerCount * batchesAtWorker }, () => this.#haveLoaded(pool));
    await Promise.all([...byWorkers, this.#loadHere(signal)]);
    return this.#loaded;
  }

  async #haveLoaded(pool: WorkerPool<SmallFilesRequest, SmallFilesResponse>): Promise<void> {
    for (let batch = this.#take(batchLength); batch.length > 0; batch = this.#take(batchLength)) {
      const response = await pool.run(this.#requestFor(batch)).finally(() => {
        this.#isHelpWanted = false;
      });
      takeApart(batch, response, this.#loaded);
    }
  }

  async #loadHere(signal: AbortSignal | undefined): Promise<void> {
    const { key, hasCompression } = this.#place;
    const sealer = new Sealer(key, systemRandomness);
    for (let batch = this.#take(ownBatchLength); batch.length > 0; batch = this.#isHelpWanted ? this.#take(ownBatchLength) : []) {
      takeApart(batch, openSmallFiles(this.#requestFor(batch), sealer, hasCompression), this.#loaded);
      await giveTurn();
      throwIfCancelled(signal);
    }
  }

  /** The next; empty when there are no more. */
  #take(length: number): readonly SnapshotId[] {
    const start = this.#takenCount;
    this.#takenCount += length;
    return this.#ids.slice(start, this.#takenCount);
  }

  #requestFor(ids: readonly SnapshotId[]): SmallFilesRequest {
    return { paths: ids.map((name) => this.#place.backend.pathOf({ kind: 'snapshot', name }) ?? ''), ids };
  }
}

function takeApart(ids: readonly SnapshotId[], { contents, lengths }: SmallFilesResponse, loaded: LoadedSnapshots): void {
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
