/** Has every tree that snapshots use checked once: by workers where they can read packs, in this thread where it must fetch them. */
import { asHoldfastError } from '../../base/errors.ts';
import { type BlobId, idToBytes, type SnapshotId } from '../../base/ids.ts';
import type { CheckMemory } from '../../workers/check/check-memory.ts';
import type { CheckRequest, CheckResponse, TreesResponse } from '../../workers/check/messages.ts';
import { type CheckProblem, errorProblem } from '../../workers/check/problem.ts';
import { TreeCheck } from '../../workers/check/tree-check.ts';
import { type IndexTable, treeBlob } from '../../workers/index-table.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import type { BlobLoader } from '../blobs/blob-loader.ts';
import type { RootTree } from './check-small-files.ts';

/** Trees in one request: few enough to share the work out, enough to make a message's cost small (a tree takes some 50 us). */
const treesPerRequest = 64;
/** Trees that are fetched at once from a storage that is not local. */
const fetchesAtOnce = 16;

export interface TreeWalkOptions {
  readonly index: IndexTable;
  readonly memory: CheckMemory;
  readonly pool: WorkerPool<CheckRequest, CheckResponse>;
  /** Given where workers cannot read packs. */
  readonly loader: BlobLoader | undefined;
  readonly onProblems: (problems: readonly CheckProblem[]) => void;
  readonly signal: AbortSignal | undefined;
}

export class TreeWalk {
  readonly #options: TreeWalkOptions;
  readonly #trees: TreeCheck;
  /** Entries of claimed trees that nobody has been given: the last found goes first, so that this stays short. */
  readonly #waiting: number[] = [];
  readonly #snapshotOf = new Map<number, SnapshotId>();
  #treeCount = 0;

  constructor(options: TreeWalkOptions) {
    this.#options = options;
    this.#trees = new TreeCheck(options.index, options.memory);
  }

  /** Trees that were found, checked or not. */
  get treeCount(): number {
    return this.#treeCount;
  }

  /** The snapshot whose root is this tree. */
  snapshotOf(entry: number): SnapshotId | undefined {
    return this.#snapshotOf.get(entry);
  }

  async run(roots: readonly RootTree[]): Promise<void> {
    for (const root of roots) this.#addRoot(root);
    const { pool, loader } = this.#options;
    const lanes = loader === undefined ? pool.workerCount * 2 : fetchesAtOnce;
    await this.#runLanes(lanes, loader === undefined ? () => this.#askWorker() : () => this.#checkHere(loader));
  }

  #addRoot({ snapshot, tree }: RootTree): void {
    const entry = this.#options.index.find(idToBytes(tree), treeBlob);
    if (entry < 0) {
      const message = `snapshot ${snapshot} has the tree ${tree}, which is in no index`;
      this.#options.onProblems([errorProblem('tree', message, { snapshot, tree, blob: tree })]);
      return;
    }
    if (!this.#trees.claim(entry)) return;
    this.#snapshotOf.set(entry, snapshot);
    this.#push([entry]);
  }

  #push(entries: Iterable<number>): void {
    for (const entry of entries) {
      this.#waiting.push(entry);
      this.#treeCount++;
    }
  }

  /** Keeps so many calls of `work` running while there are trees; any of them may find more. */
  async #runLanes(laneCount: number, work: () => Promise<void>): Promise<void> {
    const running = new Set<Promise<void>>();
    while (this.#waiting.length > 0 || running.size > 0) {
      while (this.#waiting.length > 0 && running.size < laneCount) {
        const call = work().finally(() => running.delete(call));
        running.add(call);
      }
      await Promise.race(running);
    }
  }

  async #askWorker(): Promise<void> {
    const { pool, onProblems } = this.#options;
    const share = Math.max(1, Math.min(treesPerRequest, Math.ceil(this.#waiting.length / (pool.workerCount * 2))));
    const entries = Uint32Array.from(this.#waiting.splice(-share));
    const response = (await pool.run({ kind: 'trees', entries }, 'urgent')) as TreesResponse;
    onProblems(response.problems);
    this.#push(response.subtrees);
  }

  async #checkHere(loader: BlobLoader): Promise<void> {
    const { index, onProblems, signal } = this.#options;
    const entry = this.#waiting.pop() ?? 0;
    const problems: CheckProblem[] = [];
    const tree = index.idHex(entry) as BlobId;
    try {
      const plain = await loader.load(treeBlob, tree, { signal });
      this.#push(this.#trees.check(entry, plain, problems));
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code === 'cancelled' || error.code === 'internal') throw error;
      problems.push(errorProblem('tree', `tree ${tree} cannot be read: ${error.message}`, { ...error.context, tree }));
    }
    onProblems(problems);
  }
}
