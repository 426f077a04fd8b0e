/** The workers of a prune or of a rebuild of the index. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { Backend } from '../../storage/backend.ts';
import type { FinishedPack } from '../../workers/archive/messages.ts';
import type { PruneNotice, PruneRequest, PruneResponse, PruneWorkerData } from '../../workers/prune/messages.ts';
import { WorkerPool } from '../../workers/pool.ts';
import { localPackFolder } from '../blobs/blob-loader.ts';
import type { IndexFileReader } from '../index/load-index.ts';

/** Each takes some 25 MB; with this thread at the disk's side two are quicker than restic's many, within the memory that restic takes. */
const defaultWorkers = 2;

export interface PruneWorkersOptions {
  readonly backend: Backend;
  readonly key: MasterKey;
  readonly workerCount?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type ResponseOf<Kind extends PruneRequest['kind']> = Extract<
  PruneResponse,
  { kind: { index: 'index'; trees: 'trees'; survey: 'survey'; headers: 'headers'; 'write-index': 'written' }[Kind & AnsweredKind] }
>;
type AnsweredKind = 'index' | 'trees' | 'survey' | 'headers' | 'write-index';

export class PruneWorkers implements AsyncDisposable {
  readonly pool: WorkerPool<PruneRequest, PruneResponse, PruneNotice>;
  /** Workers open packs themselves. */
  readonly packFolder: string | undefined;
  /** Gets the packs that workers finish. */
  onPack: (pack: FinishedPack) => void = () => {};

  constructor({ backend, key, signal, workerCount = Math.min(defaultWorkers, availableParallelism()) }: PruneWorkersOptions) {
    this.packFolder = localPackFolder(backend);
    const data: PruneWorkerData = { key, packFolder: this.packFolder };
    this.pool = new WorkerPool({
      entry: new URL(`../../workers/prune/prune.worker${extname(import.meta.url)}`, import.meta.url),
      workerCount,
      // A small repository is read before a second worker has started.
      firstWorkers: 1,
      workerData: () => data,
      onNotice: ({ pack }) => this.onPack(pack),
      signal,
    });
  }

  /** Requests that keep all workers busy. */
  get lanes(): number {
    return this.pool.workerCount * 2;
  }

  async ask<Kind extends AnsweredKind>(request: Extract<PruneRequest, { kind: Kind }>, order?: 'urgent'): Promise<ResponseOf<Kind>> {
    return (await this.pool.run(request, order)) as ResponseOf<Kind>;
  }

  /** For loadIndex. */
  readonly readIndexFile: IndexFileReader = async ({ id, path }, _key, index) => {
    const { packs } = await this.ask({ kind: 'index', id, path, memory: index.memory });
    return packs;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
  }
}

/** Keeps so many calls of `work` going until `items` has no more; the first failure ends it when those under way are done. */
export async function inLanes<Item>(laneCount: number, items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true && !hasFailed; next = queue.next()) {
      await work(next.value).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  for (const outcome of await Promise.allSettled(Array.from({ length: laneCount }, lane))) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
