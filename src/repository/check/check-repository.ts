/**
 * Proves a repository: that everything snapshots refer to is there and, with `readData`, that every byte of every pack is right.
 *
 * Nothing that is found stops the check. Snapshots are read before the index and packs are listed after it, the reverse of the
 * order of writing: what a backup adds meanwhile is then never missed by something older.
 */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { type EventSink, ignoreEvents } from '../../base/events.ts';
import { returnFreedMemory } from '../../base/freed-memory.ts';
import { type CheckMemory, SharedBits } from '../../workers/check/check-memory.ts';
import type { CheckRequest, CheckResponse, CheckWorkerData } from '../../workers/check/messages.ts';
import { PackGroups } from '../../workers/check/pack-groups.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import { WorkerPool } from '../../workers/pool.ts';
import { BlobLoader, localPackFolder } from '../blobs/blob-loader.ts';
import { checkIndex } from './check-index.ts';
import { checkPacks, type StoredPack } from './check-packs.ts';
import { type RootTree, SmallFileCheck } from './check-small-files.ts';
import { CheckProgress } from './check-progress.ts';
import type { CheckedRepository } from './checked-repository.ts';
import { countBlobs, type BlobCounts } from './count-blobs.ts';
import { type GroupedPacks, groupPacks } from './group-packs.ts';
import { PackReading } from './pack-reading.ts';
import { type CheckReport, ProblemList } from './report.ts';
import { TreeProblems } from './tree-problems.ts';
import { TreeWalk } from './tree-walk.ts';

export interface CheckOptions {
  /** Reads every pack: takes as long as reading the repository, and finds every wrong bit in it. */
  readonly readData: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly events?: EventSink;
  /** Threads; what suits the repository and the machine unless told. */
  readonly workerCount?: number | undefined;
  readonly clock?: Clock;
}

/**
 * Each thread takes 16 to 30 MB and proves some 140 MB of packs a second: three are faster than most disks, and stay within what
 * restic takes for its check.
 */
const maxDefaultWorkers = 3;
/** Less work than this for each is done before another thread has started (60 ms). */
const entriesPerWorker = 5_000;
const bytesPerWorker = 16 << 20;

/**
 * @throws HoldfastError `cancelled`; `storage-*` when the storage cannot even be listed. Everything else is in the report.
 */
export async function checkRepository(repository: CheckedRepository, options: CheckOptions): Promise<CheckReport> {
  return await new RepositoryCheck(repository, options).run();
}

class RepositoryCheck {
  readonly #repository: CheckedRepository;
  readonly #options: CheckOptions;
  readonly #clock: Clock;
  readonly #problems: ProblemList;

  constructor(repository: CheckedRepository, options: CheckOptions) {
    this.#repository = repository;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#problems = new ProblemList(options.events);
  }

  async run(): Promise<CheckReport> {
    returnFreedMemory();
    const { signal } = this.#options;
    const startMs = this.#clock.monotonicMs();
    const small = new SmallFileCheck(this.#repository, this.#problems, signal);
    await small.checkConfig();
    await small.checkKeys();
    await small.checkLocks();
    const roots = await small.checkSnapshots();
    const loaded = await checkIndex(this.#repository.backend, this.#repository.masterKey, this.#problems, signal);
    const { index } = loaded;
    const grouped = groupPacks(loaded);
    const memory = checkMemory(index, grouped);
    const groups = new PackGroups(index, memory);
    const stored = await checkPacks({ backend: this.#repository.backend, groups, grouped, problems: this.#problems, signal });
    const contents = await this.#checkContents(index, memory, roots, stored);
    this.#addDuplicateHint(grouped.entryCount - contents.blobs.blobCount);
    throwIfCancelled(signal);
    return this.#report(grouped, roots.length, contents, startMs);
  }

  async #checkContents(
    index: IndexTable,
    memory: CheckMemory,
    roots: readonly RootTree[],
    stored: readonly StoredPack[],
  ): Promise<Contents> {
    const { backend, masterKey } = this.#repository;
    const { signal, readData, events = ignoreEvents } = this.#options;
    await using pool = this.#startWorkers(memory, readData ? stored : []);
    using loader = new BlobLoader(backend, masterKey, index);
    const found = new TreeProblems();
    const onProblems = found.add.bind(found);
    const isLocal = localPackFolder(backend) !== undefined;
    const walk = new TreeWalk({ index, memory, pool, loader: isLocal ? undefined : loader, onProblems, signal });
    const reading = new PackReading({ backend, pool, problems: this.#problems, isLocal, signal, packs: readData ? stored : [] });
    using _progress = new CheckProgress({ events, reading, walk, problems: this.#problems });
    await settleAll([reading.run(), walk.run(roots)]);
    await found.report(this.#problems, { index, memory, walk, trees: loader });
    return { blobs: await countBlobs(pool, index.entryCount), treeCount: walk.treeCount, bytesRead: reading.bytesRead };
  }

  #startWorkers(memory: CheckMemory, packs: readonly StoredPack[]): WorkerPool<CheckRequest, CheckResponse> {
    const { masterKey: key, backend } = this.#repository;
    const data: CheckWorkerData = { key, memory, packFolder: localPackFolder(backend) };
    const entry = new URL(`../../workers/check/check.worker${extname(import.meta.url)}`, import.meta.url);
    const workerCount = this.#options.workerCount ?? Math.min(maxDefaultWorkers, availableParallelism());
    const firstWorkers = usefulWorkers(memory, packs);
    return new WorkerPool({ entry, workerCount, firstWorkers, workerData: () => data, signal: this.#options.signal });
  }

  #addDuplicateHint(duplicateCount: number): void {
    if (duplicateCount <= 0) return;
    const message = `${duplicateCount} blobs are stored more than once`;
    this.#problems.add({ severity: 'hint', kind: 'blob-duplicate', message, context: { blobCount: duplicateCount } });
  }

  #report(grouped: GroupedPacks, snapshotCount: number, { blobs, treeCount, bytesRead }: Contents, startMs: number): CheckReport {
    const problems = this.#problems;
    return {
      errors: problems.errors,
      warnings: problems.warnings,
      hints: problems.hints,
      errorCount: problems.errorCount,
      packCount: grouped.groupOf.size,
      blobCount: blobs.blobCount,
      snapshotCount,
      treeCount,
      unusedBlobCount: blobs.unusedCount,
      unusedBytes: blobs.unusedBytes,
      brokenPacks: [...problems.brokenPacks],
      brokenSnapshots: [...problems.brokenSnapshots],
      suggestRepairIndex: problems.suggestRepairIndex,
      suggestPrune: problems.suggestPrune,
      bytesRead,
      secondsElapsed: (this.#clock.monotonicMs() - startMs) / 1000,
    };
  }
}

interface Contents {
  readonly blobs: BlobCounts;
  readonly treeCount: number;
  readonly bytesRead: number;
}

/** Threads that are certain to be worth their start. */
function usefulWorkers({ order }: CheckMemory, packs: readonly StoredPack[]): number {
  const bytes = packs.reduce((sum, pack) => sum + pack.sizeBytes, 0);
  return Math.ceil(Math.max(order.byteLength / 4 / entriesPerWorker, bytes / bytesPerWorker, 1));
}

function checkMemory(index: IndexTable, { order, groups }: GroupedPacks): CheckMemory {
  const count = index.entryCount;
  return {
    index: index.memory,
    order,
    groups,
    usedBits: SharedBits.memoryFor(count),
    claimedBits: SharedBits.memoryFor(count),
    parents: new SharedArrayBuffer(count * 4),
  };
}

/** As Promise.all, but nothing runs any more when it returns. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
