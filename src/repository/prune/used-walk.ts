/** Has every tree that snapshots use read once, and marks what is used: by workers where they can read packs, else in this thread. */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { type EventSink, ignoreEvents } from '../../base/events.ts';
import { type BlobId, idToBytes, type SnapshotId } from '../../base/ids.ts';
import { type IndexTable, treeBlob } from '../../workers/index-table.ts';
import type { MissingBlob, UsageMemory } from '../../workers/prune/messages.ts';
import { unreadableTree, UsedTrees } from '../../workers/prune/used-trees.ts';
import type { BlobLoader } from '../blobs/blob-loader.ts';
import type { PruneWorkers } from './prune-workers.ts';

/** Trees in one request: few enough to share the work out, enough to make a message's cost small (a tree takes some 50 us). */
const treesPerRequest = 64;
/** Trees that are fetched at once from a storage that is not local. */
const fetchesAtOnce = 16;
const progressIntervalMs = 100;
const maxNamed = 5;

export interface RootTree {
  readonly snapshot: SnapshotId;
  readonly tree: BlobId;
}

export interface UsedWalkOptions {
  readonly index: IndexTable;
  readonly memory: UsageMemory;
  readonly workers: PruneWorkers;
  /** For storage from which workers cannot read. */
  readonly loader: BlobLoader;
  readonly events?: EventSink | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class UsedWalk {
  readonly #options: UsedWalkOptions;
  readonly #trees: UsedTrees;
  /** Entries of claimed trees that nobody has been given: the last found goes first, so that this stays short. */
  readonly #waiting: number[] = [];
  readonly #missing: MissingBlob[] = [];
  #missingCount = 0;
  #treeCount = 0;

  constructor(options: UsedWalkOptions) {
    this.#options = options;
    this.#trees = new UsedTrees(options.index, options.memory);
  }

  /**
   * Walks what was not walked before with the same memory.
   * @throws HoldfastError `damaged` when something that snapshots use is missing or cannot be read
   */
  async run(roots: readonly RootTree[]): Promise<void> {
    const timer = setInterval(() => this.#tell(), progressIntervalMs);
    try {
      for (const root of roots) this.#addRoot(root);
      await this.#runLanes();
    } finally {
      clearInterval(timer);
      this.#tell();
    }
    if (this.#missingCount > 0) throw missingBlobs(this.#missing, this.#missingCount);
  }

  #tell(): void {
    const { events = ignoreEvents } = this.#options;
    events({ kind: 'progress', operation: 'trees', filesDone: this.#treeCount - this.#waiting.length, bytesDone: 0, errorCount: 0 });
  }

  #addRoot({ snapshot, tree }: RootTree): void {
    const entry = this.#options.index.find(idToBytes(tree), treeBlob);
    if (entry < 0) throw missingRoot(snapshot, tree);
    if (this.#trees.claim(entry)) this.#push([entry]);
  }

  #push(entries: Iterable<number>): void {
    for (const entry of entries) {
      this.#waiting.push(entry);
      this.#treeCount++;
    }
  }

  /** Any tree may bring more: so lanes begin and end as there is work. The first failure ends all when those under way are done. */
  async #runLanes(): Promise<void> {
    const { workers } = this.#options;
    const isLocal = workers.packFolder !== undefined;
    const [laneCount, work] = isLocal ? [workers.lanes, () => this.#askWorker()] : [fetchesAtOnce, () => this.#readHere()];
    const running = new Set<Promise<void>>();
    const failures: unknown[] = [];
    while (running.size > 0 || (this.#waiting.length > 0 && failures.length === 0)) {
      while (failures.length === 0 && this.#waiting.length > 0 && running.size < laneCount) {
        const call = work()
          .catch((error: unknown) => void failures.push(error))
          .finally(() => running.delete(call));
        running.add(call);
      }
      await Promise.race(running);
    }
    if (failures.length > 0) throw failures[0];
  }

  async #askWorker(): Promise<void> {
    const { workers } = this.#options;
    const share = Math.max(1, Math.min(treesPerRequest, Math.ceil(this.#waiting.length / workers.lanes)));
    const entries = Uint32Array.from(this.#waiting.splice(-share));
    const { subtrees, missing, missingCount } = await workers.ask({ kind: 'trees', entries }, 'urgent');
    this.#push(subtrees);
    this.#note(missing, missingCount);
  }

  async #readHere(): Promise<void> {
    const { index, loader, signal } = this.#options;
    throwIfCancelled(signal);
    const tree = index.idHex(this.#waiting.pop() ?? 0) as BlobId;
    const subtrees: number[] = [];
    try {
      this.#trees.scan(tree, await loader.load(treeBlob, tree, { signal }), subtrees);
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      throw error.code === 'cancelled' ? error : unreadableTree(tree, error);
    }
    this.#push(subtrees);
    this.#note(this.#trees.missing, this.#trees.missingCount);
    [this.#trees.missing, this.#trees.missingCount] = [[], 0];
  }

  #note(missing: readonly MissingBlob[], missingCount: number): void {
    this.#missingCount += missingCount;
    this.#missing.push(...missing.slice(0, maxNamed - this.#missing.length));
  }
}

function missingRoot(snapshot: SnapshotId, tree: BlobId): HoldfastError {
  return new HoldfastError('damaged', `snapshot ${snapshot} has the tree ${tree}, which is in no index`, {
    hint: missingHint,
    context: { snapshot, blob: tree },
  });
}

function missingBlobs(missing: readonly MissingBlob[], missingCount: number): HoldfastError {
  const named = missing.map(({ type, blob, tree }) => `${type} blob ${blob} (in tree ${tree})`).join(', ');
  const more = missingCount > missing.length ? ` and ${missingCount - missing.length} more` : '';
  return new HoldfastError('damaged', `snapshots use blobs that are in no index: ${named}${more}`, {
    hint: missingHint,
    context: { blob: missing[0]?.blob ?? '', missingBlobs: missingCount },
  });
}

const missingHint =
  'Nothing was removed. The blobs may lie in packs that no index knows: run `holdfast repair index`, then `holdfast check` to see what is lost.';
