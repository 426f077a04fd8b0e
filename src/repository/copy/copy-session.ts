/** Two repositories, the workers between them, and one copy: indexes are loaded, a plan is made, the plan is executed. */
import { systemClock } from '../../base/clock.ts';
import { ignoreEvents } from '../../base/events.ts';
import { Counter, sumCounter } from '../../workers/archive/counters.ts';
import type { CopySide, CopyWriting } from '../../workers/copy/messages.ts';
import { NeedMarks } from '../../workers/copy/need-marks.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import { BlobLoader, localPackFolder } from '../blobs/blob-loader.ts';
import type { Repository } from '../repository.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import type { CopyCounts, CopyOptions } from './copy-options.ts';
import { type CopyPlan, CopyPlanner } from './copy-plan.ts';
import { type CopyWorkers, readIndexBy, startCopyWorkers } from './copy-pool.ts';
import { CopyProgress } from './copy-progress.ts';
import { CopyRun } from './copy-run.ts';

/** restic's default. */
const defaultPackSizeBytes = 16 << 20;

/** What the parts of a copy share. */
export interface CopyParts {
  readonly source: Repository;
  readonly destination: Repository;
  readonly sourceIndex: IndexTable;
  readonly destinationIndex: IndexTable;
  /** Of the source. */
  readonly loader: BlobLoader;
  /** See NeedMarks. */
  readonly marks: SharedArrayBuffer;
  readonly workers: CopyWorkers;
  readonly packSizeBytes: number;
  readonly options: CopyOptions;
}

export class CopySession implements AsyncDisposable {
  readonly #source: Repository;
  readonly #destination: Repository;
  readonly #options: CopyOptions;
  /** The first of them reads the indexes. */
  readonly #workers: CopyWorkers;
  #run: CopyRun | undefined;

  constructor(source: Repository, destination: Repository, options: CopyOptions) {
    this.#source = source;
    this.#destination = destination;
    this.#options = options;
    this.#workers = startCopyWorkers(options.workerCount, (notice) => this.#run?.receive(notice), options.signal);
  }

  /** Errors as copySnapshots. */
  async run(snapshots: readonly StoredSnapshot[]): Promise<CopyCounts> {
    const { sourceIndex, destinationIndex } = await this.#loadIndexes();
    using loader = new BlobLoader(this.#source.backend, this.#source.masterKey, sourceIndex);
    const marks = NeedMarks.memoryFor(sourceIndex.entryCount);
    const { packSizeBytes = defaultPackSizeBytes } = this.#options;
    const shared = { sourceIndex, destinationIndex, loader, marks, packSizeBytes, workers: this.#workers, options: this.#options };
    return await this.#copy(snapshots, { source: this.#source, destination: this.#destination, ...shared });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workers.pool.close();
    // What was claimed and did not arrive must not be taken for stored.
    this.#destination.forgetIndex();
  }

  async #copy(snapshots: readonly StoredSnapshot[], parts: CopyParts): Promise<CopyCounts> {
    const { clock = systemClock, events = ignoreEvents, isDryRun = false } = this.#options;
    await this.#beginWork(parts);
    const run = new CopyRun(parts, () => clock.monotonicMs());
    this.#run = run;
    const planner = new CopyPlanner(parts);
    using progress = new CopyProgress(events, this.#workers.counters, planner, () => run.errorCount);
    const plan = await planner.plan(snapshots);
    progress.begin(plan);
    await (isDryRun ? run.tell(plan) : run.run(plan));
    const { copiedCount, failedCount, packCount, verifiedPackCount } = run;
    return { ...this.#countMoved(plan), copiedCount, failedCount, packCount, verifiedPackCount };
  }

  async #loadIndexes(): Promise<{ readonly sourceIndex: IndexTable; readonly destinationIndex: IndexTable }> {
    const { signal } = this.#options;
    const reader = readIndexBy(this.#workers);
    // An index that was loaded before the snapshots were listed may lack what they need.
    this.#source.forgetIndex();
    this.#destination.forgetIndex();
    const loading = [this.#source.loadIndex({ signal, reader }), this.#destination.loadIndex({ signal, reader })] as const;
    const [sourceIndex, destinationIndex] = await Promise.all(loading);
    return { sourceIndex, destinationIndex };
  }

  async #beginWork({ sourceIndex, destinationIndex, marks, packSizeBytes }: CopyParts): Promise<void> {
    const { compression = 'auto', recompress = false, isDryRun = false, signal } = this.#options;
    const destination = this.#destination;
    let writing: CopyWriting | undefined;
    if (!isDryRun) {
      const stagingFolder = await destination.backend.stagingFolder({ signal });
      writing = { stagingFolder, packSizeBytes, isCompressed: destination.config.version > 1, compression, recompress };
    }
    const sides = { source: sideOf(this.#source, sourceIndex), destination: sideOf(destination, destinationIndex) };
    await this.#workers.pool.setUp({ kind: 'begin', ...sides, marks, writing });
  }

  #countMoved(plan: CopyPlan): Pick<CopyCounts, 'blobCount' | 'sourceBytes' | 'writtenBytes'> {
    if (this.#options.isDryRun === true) return { blobCount: plan.blobCount, sourceBytes: plan.sizeBytes, writtenBytes: 0 };
    const sum = (...indexes: (typeof Counter)[keyof typeof Counter][]): number =>
      indexes.reduce<number>((total, index) => total + sumCounter(this.#workers.counters, index), 0);
    return {
      blobCount: sum(Counter.dataBlobs, Counter.treeBlobs),
      sourceBytes: sum(Counter.doneBytes),
      writtenBytes: sum(Counter.dataPackedBytes, Counter.treePackedBytes),
    };
  }
}

function sideOf({ backend, masterKey }: Repository, index: IndexTable): CopySide {
  return { key: masterKey, index: index.memory, packFolder: localPackFolder(backend) };
}
