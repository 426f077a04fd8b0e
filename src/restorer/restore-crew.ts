/** The workers of one restore, and what all its steps share with them. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { type ErrorRecord, HoldfastError } from '../base/errors.ts';
import type { EventSink } from '../base/events.ts';
import type { IndexTable } from '../workers/index-table.ts';
import { WorkerPool } from '../workers/pool.ts';
import type { RestoreNotice, RestoreRequest, RestoreResponse, RestoreRules, RestoreWorkerData } from '../workers/restore/messages.ts';
import { filePath, readablePath } from '../workers/restore/plan/plan-paths.ts';
import { fileFlag, fileWord, RestorePlan } from '../workers/restore/plan/restore-plan.ts';
import { drainInFlight, forEachInFlight } from './in-flight.ts';
import { PackSource } from './pack-source.ts';
import type { RestoreRepository } from './restore-options.ts';
import { RestoreProgress } from './restore-progress.ts';

export interface CrewOptions {
  readonly rules: RestoreRules;
  /** The target's descriptor; minus one in a dry run when it does not exist. */
  readonly targetFd: number;
  readonly workerCount?: number;
  readonly signal?: AbortSignal | undefined;
  readonly events: EventSink;
}

/** At each worker: one request that runs and one that waits. */
const requestsPerWorker = 2;

/** In a small repository the others start when there is work for more. */
const firstWorkers = 2;
const smallIndexBlobs = 20_000;

type ResponseOf<Kind extends RestoreResponse['kind']> = Extract<RestoreResponse, { readonly kind: Kind }>;

export class RestoreCrew implements AsyncDisposable {
  readonly plan = RestorePlan.create();
  readonly index: IndexTable;
  readonly rules: RestoreRules;
  readonly targetFd: number;
  readonly workerCount: number;
  readonly source: PackSource;
  readonly progress: RestoreProgress;
  readonly #pool: WorkerPool<RestoreRequest, RestoreResponse, RestoreNotice>;
  readonly #events: EventSink;
  readonly #signal: AbortSignal | undefined;
  /** Not 0 tells the workers to leave off. */
  readonly #stopFlag = new SharedArrayBuffer(4);
  /** Ends loads from the storage. */
  readonly #stopLoads = new AbortController();

  constructor(repository: RestoreRepository, index: IndexTable, options: CrewOptions) {
    this.index = index;
    this.rules = options.rules;
    this.targetFd = options.targetFd;
    this.workerCount = options.workerCount ?? availableParallelism();
    this.source = new PackSource(repository.backend, index, this.#stopLoads.signal);
    this.progress = new RestoreProgress(this.workerCount, options.events);
    this.#events = options.events;
    this.#signal = options.signal;
    this.#pool = this.#startWorkers(repository);
    options.signal?.addEventListener('abort', this.stop, { once: true });
    if (options.signal?.aborted === true) this.stop();
  }

  /** @throws HoldfastError when the restore cannot go on */
  async ask<Kind extends RestoreResponse['kind']>(kind: Kind, request: RestoreRequest): Promise<ResponseOf<Kind>> {
    const response = await this.#pool.run(request);
    if (response.kind !== kind) throw new HoldfastError('internal', `a restore worker answered '${response.kind}' to '${request.kind}'`);
    return response as ResponseOf<Kind>;
  }

  /** Works on as many items at a time as keep all workers busy. Stops at the first failure. */
  async forEach<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
    await this.#stopOnFailure(forEachInFlight(items, this.workerCount * requestsPerWorker, work));
  }

  /** The same for a list that `work` may add to. */
  async drain<Item>(waiting: Item[], maxGroup: number, work: (items: Item[]) => Promise<void>): Promise<void> {
    await this.#stopOnFailure(drainInFlight(waiting, { limit: this.workerCount * requestsPerWorker, maxGroup }, work));
  }

  /** Reports what goes wrong with one entry; the restore goes on. */
  fail(path: string, error: ErrorRecord): void {
    this.progress.noteFailure();
    this.#events({ kind: 'failure', operation: 'restore', path, error });
  }

  /** The same for a file, which is named once however much of it fails. */
  failFile(file: number, error: ErrorRecord): void {
    const before = this.plan.files.setBits(file, fileWord.flags, fileFlag.failed);
    if ((before & fileFlag.failed) === 0) this.fail(readablePath(filePath(this.plan, file)), error);
  }

  warn(message: string): void {
    this.#events({ kind: 'warning', message });
  }

  /** Workers leave off at the next entry or blob. */
  readonly stop = (): void => {
    Atomics.store(new Int32Array(this.#stopFlag), 0, 1);
    this.#stopLoads.abort();
  };

  /** Each worker closes its descriptors first, which the end of a thread does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal?.removeEventListener('abort', this.stop);
    this.progress[Symbol.dispose]();
    // A worker that has died cannot answer.
    await this.#pool.runOnUsed({ kind: 'close' }).catch(() => {});
    await this.#pool.close();
  }

  async #stopOnFailure(work: Promise<void>): Promise<void> {
    // Otherwise what else is under way would go on to its end, for nothing.
    work.catch(this.stop);
    try {
      await work;
    } catch (error) {
      throw this.#signal?.aborted === true ? new HoldfastError('cancelled', 'the restore was cancelled', { cause: error }) : error;
    }
  }

  #startWorkers(repository: RestoreRepository): WorkerPool<RestoreRequest, RestoreResponse, RestoreNotice> {
    const data: Omit<RestoreWorkerData, 'worker'> = {
      key: repository.masterKey,
      index: this.index.memory,
      plan: this.plan.memory,
      counters: this.progress.memory,
      stop: this.#stopFlag,
      packFolder: this.source.localFolder,
      targetFd: this.targetFd,
      rules: this.rules,
    };
    return new WorkerPool({
      entry: new URL(`../workers/restore/restore.worker${extname(import.meta.url)}`, import.meta.url),
      workerCount: this.workerCount,
      firstWorkers: this.index.entryCount < smallIndexBlobs ? firstWorkers : this.workerCount,
      workerData: (worker) => ({ ...data, worker }),
      onNotice: (notice) => this.#receive(notice),
      depth: requestsPerWorker,
    });
  }

  #receive(notice: RestoreNotice): void {
    if (notice.kind === 'failure') this.fail(notice.path, notice.error);
    else if (notice.kind === 'warning') this.warn(notice.message);
    else for (const item of notice.items) this.#events(item);
  }
}
