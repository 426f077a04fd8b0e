/**
 * The worker threads of one restore. They start when this is made: made before the repository is opened, their start
 * overlaps with the derivation of its key, and they read its index.
 */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { HoldfastError } from '../base/errors.ts';
import type { IndexFileReader } from '../repository/index/load-index.ts';
import { WorkerPool } from '../workers/pool.ts';
import { RestoreCounters } from '../workers/restore/counters.ts';
import type { BeginRequest, RestoreNotice, RestoreRequest, RestoreResponse, RestoreWorkerData } from '../workers/restore/messages.ts';

/** At each worker: one request that runs and one that waits. */
const requestsPerWorker = 2;
/** They start on processors that are idle while the key is derived; on a larger machine the others start when there is work for more. */
const firstWorkers = 4;

type ResponseOf<Kind extends RestoreResponse['kind']> = Extract<RestoreResponse, { readonly kind: Kind }>;

export class RestoreWorkers implements AsyncDisposable {
  /** How many there may be. */
  readonly count: number;
  /** A row for each worker, and one for main behind them. */
  readonly counters: SharedArrayBuffer;
  readonly #pool: WorkerPool<RestoreRequest, RestoreResponse, RestoreNotice>;
  readonly #stopFlag = new Int32Array(new SharedArrayBuffer(4));
  #onNotice: (notice: RestoreNotice) => void = () => {};

  /** @param count one for each processor unless told */
  constructor(count: number = availableParallelism()) {
    this.count = count;
    this.counters = RestoreCounters.memoryFor(count + 1);
    const data = { counters: this.counters, stop: this.#stopFlag.buffer };
    this.#pool = new WorkerPool({
      entry: new URL(`../workers/restore/restore.worker${extname(import.meta.url)}`, import.meta.url),
      workerCount: count,
      firstWorkers,
      workerData: (worker): RestoreWorkerData => ({ ...data, worker }),
      onNotice: (notice) => this.#onNotice(notice),
      depth: requestsPerWorker,
      stop: this.#stopFlag,
    });
  }

  /** Requests that keep all workers busy. */
  get requestLimit(): number {
    return this.count * requestsPerWorker;
  }

  readonly readIndexFile: IndexFileReader = async (file, key, index) => {
    const answer = await this.ask('packs', { kind: 'index-file', ...file, key, index: index.memory });
    return answer.packs;
  };

  /** What every worker has to know before its first other request. */
  async begin(request: BeginRequest, onNotice: (notice: RestoreNotice) => void): Promise<void> {
    this.#onNotice = onNotice;
    await this.#pool.setUp(request);
  }

  /** @throws HoldfastError of the request, or when a worker has died */
  async ask<Kind extends RestoreResponse['kind']>(kind: Kind, request: RestoreRequest): Promise<ResponseOf<Kind>> {
    const response = await this.#pool.run(request);
    if (response.kind !== kind) throw new HoldfastError('internal', `a restore worker answered '${response.kind}' to '${request.kind}'`);
    return response as ResponseOf<Kind>;
  }

  /** Workers leave off at the next entry or blob: what runs ends with `cancelled`. */
  stop(): void {
    Atomics.store(this.#stopFlag, 0, 1);
  }

  /** Each worker closes its descriptors first, which the end of a thread does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    // A worker that has died cannot answer.
    await this.#pool.runOnUsed({ kind: 'close' }).catch(() => {});
    await this.#pool.close();
  }
}
