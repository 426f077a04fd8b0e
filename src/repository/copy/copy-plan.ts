/** Finds out what has to travel: walks the trees of the snapshots and marks each blob that the destination lacks. */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError } from '../../base/errors.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import type { MarkResponse } from '../../workers/copy/messages.ts';
import { firstBatch, lastBatch } from '../../workers/copy/need-marks.ts';
import { TreeMarking } from '../../workers/copy/tree-marking.ts';
import { treeBlob } from '../../workers/index-table.ts';
import { type BlobLoader, localPackFolder } from '../blobs/blob-loader.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import type { CopyParts } from './copy-session.ts';

/** Trees in one request: few enough to share the work out, enough to make a message's cost small (a tree takes some 50 us). */
const treesPerRequest = 64;
/** Trees that are fetched at once from a storage that is not local. */
const fetchesAtOnce = 16;
/** As restic: snapshots are written whenever so much has been copied for them. */
const packsPerBatch = 100;

/** Snapshots that are written together, once what they need is durable. */
export interface CopyBatch {
  /** What NeedMarks says of its blobs. */
  readonly number: number;
  readonly snapshots: readonly StoredSnapshot[];
}

export interface CopyPlan {
  readonly batches: readonly CopyBatch[];
  readonly blobCount: number;
  /** As the blobs are stored in the source. */
  readonly sizeBytes: number;
  /** Trees that cannot be read, and blobs that neither repository has. */
  readonly problemCount: number;
}

export class CopyPlanner {
  readonly #parts: CopyParts;
  /** Reads trees where workers cannot. */
  readonly #loader: BlobLoader | undefined;
  readonly #marking: TreeMarking;
  /** Entries of claimed trees that nobody has been given: the last found goes first, so that this stays short. */
  readonly #waiting: number[] = [];
  readonly #batches: { number: number; snapshots: StoredSnapshot[] }[] = [];
  #number = firstBatch;
  #batchBytes = 0;
  #treeCount = 0;
  #blobCount = 0;
  #sizeBytes = 0;
  #problemCount = 0;

  constructor(parts: CopyParts) {
    this.#parts = parts;
    this.#loader = localPackFolder(parts.source.backend) === undefined ? parts.loader : undefined;
    this.#marking = new TreeMarking(parts.sourceIndex, parts.destinationIndex, parts.marks);
  }

  /** Trees that were found, read or not. */
  get treeCount(): number {
    return this.#treeCount;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async plan(snapshots: readonly StoredSnapshot[]): Promise<CopyPlan> {
    for (const snapshot of snapshots) {
      throwIfCancelled(this.#parts.options.signal);
      await this.#walk(snapshot.tree);
      this.#addToBatch(snapshot);
    }
    return { batches: this.#batches, blobCount: this.#blobCount, sizeBytes: this.#sizeBytes, problemCount: this.#problemCount };
  }

  #addToBatch(snapshot: StoredSnapshot): void {
    const current = this.#batches.at(-1);
    if (current?.number === this.#number) current.snapshots.push(snapshot);
    else this.#batches.push({ number: this.#number, snapshots: [snapshot] });
    if (this.#batchBytes < this.#parts.packSizeBytes * packsPerBatch || this.#number === lastBatch) return;
    this.#number++;
    this.#batchBytes = 0;
  }

  async #walk(root: BlobId): Promise<void> {
    this.#marking.claimTree(idToBytes(root), this.#number);
    this.#take({ kind: 'marked', ...this.#marking.take() });
    const loader = this.#loader;
    if (loader === undefined) await this.#runLanes(this.#parts.workers.pool.workerCount * 2, () => this.#askWorker());
    else await this.#runLanes(fetchesAtOnce, () => this.#markHere(loader));
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
    const { pool } = this.#parts.workers;
    const share = Math.max(1, Math.min(treesPerRequest, Math.ceil(this.#waiting.length / (pool.workerCount * 2))));
    const entries = Uint32Array.from(this.#waiting.splice(-share));
    this.#take((await pool.run({ kind: 'mark', entries, batch: this.#number })) as MarkResponse);
  }

  async #markHere(loader: BlobLoader): Promise<void> {
    const { sourceIndex, options } = this.#parts;
    const tree = sourceIndex.idHex(this.#waiting.pop() ?? 0) as BlobId;
    try {
      const plain = await loader.load(treeBlob, tree, { signal: options.signal });
      this.#marking.mark(plain, this.#number);
    } catch (thrown) {
      const { code } = asHoldfastError(thrown);
      if (code === 'cancelled' || code === 'internal') throw thrown;
      this.#marking.addProblem();
    }
    this.#take({ kind: 'marked', ...this.#marking.take() });
  }

  #take(marked: Omit<MarkResponse, 'subtrees'> & { readonly subtrees: Iterable<number> }): void {
    for (const entry of marked.subtrees) {
      this.#waiting.push(entry);
      this.#treeCount++;
    }
    this.#blobCount += marked.blobCount;
    this.#sizeBytes += marked.sizeBytes;
    this.#batchBytes += marked.sizeBytes;
    this.#problemCount += marked.problemCount;
  }
}
