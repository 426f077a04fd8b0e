/** The steps of one restore and the workers that do them. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { type ErrorRecord, HoldfastError, toErrorRecord } from '../base/errors.ts';
import type { EventSink } from '../base/events.ts';
import type { BlobId } from '../base/ids.ts';
import { idToBytes } from '../base/ids.ts';
import { type IndexTable, treeBlob } from '../workers/index-table.ts';
import { WorkerPool } from '../workers/pool.ts';
import { restoreCounter } from '../workers/restore/counters.ts';
import type { RestoreNotice, RestoreRequest, RestoreResponse, RestoreRules, RestoreWorkerData } from '../workers/restore/messages.ts';
import { filePath, readablePath } from '../workers/restore/plan/plan-paths.ts';
import { directoryState, directoryWord, fileFlag, fileWord, RestorePlan, rootDirectory } from '../workers/restore/plan/restore-plan.ts';
import { ContentStep } from './content-step.ts';
import { folderSteps } from './folder-order.ts';
import { HardLinkGroups } from './hard-link-groups.ts';
import { forEachInFlight, inGroups } from './in-flight.ts';
import { PackSource } from './pack-source.ts';
import { comparisonSegments } from './comparison-segments.ts';
import type { RestoreRepository, RestoreSummary } from './restore-options.ts';
import { RestoreProgress } from './restore-progress.ts';
import type { RestoreTarget } from './restore-target.ts';
import { TreeStep } from './tree-step.ts';

export interface RunOptions {
  readonly rules: RestoreRules;
  readonly verifies?: boolean;
  readonly workerCount?: number;
  readonly signal?: AbortSignal | undefined;
  readonly events: EventSink;
}

export type RestorePool = WorkerPool<RestoreRequest, RestoreResponse, RestoreNotice>;

/** Requests that are at the workers or on their way, for each worker: one that runs, one that waits. */
export const requestsPerWorker = 2;
const filesPerPreparation = 128;
const linksPerRequest = 256;

export class RestoreRun implements AsyncDisposable {
  readonly #plan = RestorePlan.create();
  readonly #options: RunOptions;
  readonly #index: IndexTable;
  readonly #source: PackSource;
  readonly #progress: RestoreProgress;
  readonly #pool: RestorePool;
  readonly #workerCount: number;
  readonly #links = new HardLinkGroups();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  /** Fires when the caller's signal does, and when a worker's failure ends the restore. */
  readonly #ending = new AbortController();

  constructor(repository: RestoreRepository, index: IndexTable, target: RestoreTarget, options: RunOptions) {
    this.#options = options;
    this.#index = index;
    this.#workerCount = options.workerCount ?? availableParallelism();
    this.#source = new PackSource(repository.backend, index, this.#ending.signal);
    this.#progress = new RestoreProgress(this.#workerCount, options.events);
    const data: Omit<RestoreWorkerData, 'worker'> = {
      key: repository.masterKey,
      index: index.memory,
      plan: this.#plan.memory,
      counters: this.#progress.memory,
      stop: this.#stop.buffer as SharedArrayBuffer,
      packFolder: this.#source.localFolder,
      targetFd: target.fd,
      rules: options.rules,
    };
    this.#pool = new WorkerPool({
      entry: new URL(`../workers/restore/restore.worker${extname(import.meta.url)}`, import.meta.url),
      workerCount: this.#workerCount,
      workerData: (worker) => ({ ...data, worker }),
      onNotice: (notice) => this.#receive(notice),
      depth: requestsPerWorker,
    });
    options.signal?.addEventListener('abort', this.#end, { once: true });
  }

  /** @throws HoldfastError when the restore cannot go on */
  async restore(root: BlobId): Promise<Omit<RestoreSummary, 'secondsElapsed'>> {
    try {
      return await this.#restore(root);
    } catch (error) {
      this.#end();
      throw this.#options.signal?.aborted === true ? new HoldfastError('cancelled', 'the restore was cancelled', { cause: error }) : error;
    }
  }

  /** Ends the workers; each closes its descriptors first, for a thread's end does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#end);
    this.#progress[Symbol.dispose]();
    // A worker that has died cannot answer.
    await this.#pool.runOnAll({ kind: 'close' }).catch(() => {});
    await this.#pool.close();
  }

  async #restore(root: BlobId): Promise<Omit<RestoreSummary, 'secondsElapsed'>> {
    const trees = this.#treeStep();
    await trees.walk(this.#addRoot(root), (candidates) => this.#links.add(this.#plan, candidates));
    this.#discountLinks();
    await this.#prepareFiles();
    if (!this.#options.rules.isDryRun) await this.#writeContent();
    await this.#inGroups(this.#links.pairs, 2 * linksPerRequest, (pairs) => ({ kind: 'link', pairs }));
    const filesVerified = this.#options.verifies === true ? await this.#verify() : 0;
    if (this.#options.rules.removesUnexpected) await trees.removeUnexpected();
    await this.#finishFolders();
    this.#warnOfLosses();
    return { ...this.#counts(), filesVerified };
  }

  /** Directory 0 of the plan is the target. */
  #addRoot(root: BlobId): number {
    const { directories } = this.#plan;
    const directory = directories.allocate(1);
    const isThere = !this.#options.rules.isDryRun || this.#isTargetThere;
    directories.set(directory, directoryWord.state, isThere ? directoryState.existing : directoryState.fresh);
    directories.set(directory, directoryWord.tree, this.#index.find(idToBytes(root), treeBlob) + 1);
    return rootDirectory;
  }
}
