/**
 * One backup, from targets to snapshot. The workers start when the session is made, so that their start overlaps with
 * opening the repository.
 */
import { closeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { HoldfastError } from '../base/errors.ts';
import type { IndexFileReader } from '../repository/index/load-index.ts';
import { makeMailbox } from '../workers/archive/main-trees.ts';
import { Counters } from '../workers/archive/counters.ts';
import type { ArchiveNotice, ArchiveRequest, ArchiveResponse, ArchiveWorkerData } from '../workers/archive/messages.ts';
import type { IndexTable } from '../workers/index-table.ts';
import { WorkerPool } from '../workers/pool.ts';
import type { ArchiveRepository, BackupOptions, BackupResult } from './backup-options.ts';
import { BackupRun } from './backup-run.ts';
import type { FarMemory } from './far-repository.ts';
import type { ArchivePool } from './shared-file-job.ts';

export interface SessionOptions {
  /** One a core unless told. */
  readonly workerCount?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One walks while the other reads; a backup that is done in a moment needs no more. */
const firstWorkers = 2;

export class ArchiveSession implements AsyncDisposable {
  readonly pool: ArchivePool;
  readonly #counterMemory: SharedArrayBuffer;
  readonly #counters: Counters;
  readonly #far: FarMemory;
  readonly #signal: AbortSignal | undefined;
  #run: BackupRun | undefined;
  #stopped: { readonly error: unknown } | undefined;

  constructor({ workerCount = availableParallelism(), signal }: SessionOptions = {}) {
    const hunger = new SharedArrayBuffer(4);
    const stop = new SharedArrayBuffer(4);
    const counters = Counters.memoryFor(workerCount + 1);
    this.#counterMemory = counters;
    this.#counters = Counters.row(counters, workerCount);
    const far = { mailboxes: Array.from({ length: workerCount }, makeMailbox), staged: new SharedArrayBuffer(4) };
    this.#far = far;
    this.#signal = signal;
    this.pool = new WorkerPool<ArchiveRequest, ArchiveResponse, ArchiveNotice>({
      entry: new URL(`../workers/archive/archive.worker${extname(import.meta.url)}`, import.meta.url),
      workerCount,
      firstWorkers,
      workerData: (worker): ArchiveWorkerData => ({
        worker,
        counters,
        hunger,
        stop,
        mailbox: far.mailboxes[worker] ?? makeMailbox(),
        staged: far.staged,
      }),
      onNotice: (notice) => this.#run?.receive(notice),
      depth: 1,
      hunger: new Int32Array(hunger),
      stop: new Int32Array(stop),
      onLateResponse: giveBack,
      signal,
    });
  }

  /** Lets the workers, which have nothing to do yet, read the repository's index. */
  readonly readIndexFile: IndexFileReader = async (file, key, index) => {
    const answer = await this.pool.run({ kind: 'index-file', ...file, key, index: index.memory });
    if (answer.kind !== 'packs') throw new HoldfastError('internal', `a worker answered '${answer.kind}' to an index file`);
    return answer.packs;
  };

  /**
   * Saves the source as a snapshot.
   * @throws HoldfastError; then there is no snapshot, and what was stored is found again by the next backup
   */
  async run(repository: ArchiveRepository, index: IndexTable, options: BackupOptions): Promise<BackupResult> {
    const run = new BackupRun({
      pool: this.pool,
      repository,
      index,
      options,
      counters: this.#counters,
      counterMemory: this.#counterMemory,
      far: this.#far,
      signal: this.#signal,
    });
    this.#run = run;
    if (this.#stopped !== undefined) run.stop(this.#stopped.error);
    return await run.run();
  }

  /** Ends the backup with this error, before it writes anything else that others can see; also one that has not begun yet. */
  stop(error: unknown): void {
    this.#stopped ??= { error };
    this.#run?.stop(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
  }
}

/** A worker opened a file for all to read, and the run ended before main took it. */
function giveBack(response: ArchiveResponse): void {
  if (response.kind === 'large') closeSync(response.fd);
}
