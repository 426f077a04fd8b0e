/** Reads what a tree needs, and marks what the destination does not have. */
import { idLengthBytes } from '../../base/ids.ts';
import { type ScannedNode, scanTree } from '../../format/tree-scan.ts';
import { type BlobType, dataBlob, type IndexTable, treeBlob } from '../index-table.ts';
import { hasBlob, NeedMarks, presentMark } from './need-marks.ts';

/** What was found since `take` was called last. */
export interface Marked {
  readonly subtrees: readonly number[];
  readonly blobCount: number;
  readonly sizeBytes: number;
  readonly problemCount: number;
}

export class TreeMarking {
  readonly #source: IndexTable;
  readonly #destination: IndexTable;
  readonly #marks: NeedMarks;
  readonly #id = new Uint8Array(idLengthBytes);
  #subtrees: number[] = [];
  #blobCount = 0;
  #sizeBytes = 0;
  #problemCount = 0;

  constructor(source: IndexTable, destination: IndexTable, marks: SharedArrayBuffer) {
    this.#source = source;
    this.#destination = destination;
    this.#marks = new NeedMarks(marks);
  }

  /**
   * Claims a tree of the source. The caller has to see it read when it becomes one of the subtrees: that is so for a tree that the
   * destination has, too. A copy that was interrupted may have stored it before what is below it.
   */
  claimTree(id: Uint8Array, batch: number): void {
    const entry = this.#need(id, treeBlob, batch);
    if (entry >= 0) this.#subtrees.push(entry);
  }

  /** @param plain content of a claimed tree */
  mark(plain: Uint8Array, batch: number): void {
    scanTree(plain, (node) => this.#markNode(node, batch));
  }

  addProblem(): void {
    this.#problemCount++;
  }

  take(): Marked {
    const marked = {
      subtrees: this.#subtrees,
      blobCount: this.#blobCount,
      sizeBytes: this.#sizeBytes,
      problemCount: this.#problemCount,
    };
    this.#subtrees = [];
    this.#blobCount = 0;
    this.#sizeBytes = 0;
    this.#problemCount = 0;
    return marked;
  }

  #markNode({ content, subtree }: ScannedNode, batch: number): void {
    if (subtree !== undefined) this.claimTree(subtree, batch);
    if (content === null) return;
    for (let at = 0; at < content.length; at += idLengthBytes) this.#need(content.subarray(at, at + idLengthBytes), dataBlob, batch);
  }

  /** @returns the entry when this call was the first to ask for it, else -1 */
  #need(id: Uint8Array, type: BlobType, batch: number): number {
    const entry = this.#source.find(id, type);
    if (entry >= 0 && this.#marks.get(entry) !== 0) return -1;
    this.#id.set(id);
    const isPresent = hasBlob(this.#destination, this.#id, type);
    if (entry < 0) {
      // A tree that is gone hides what is below it, whatever the destination has.
      if (!isPresent || type === treeBlob) this.#problemCount++;
      return -1;
    }
    if (!this.#marks.set(entry, isPresent ? presentMark : batch)) return -1;
    if (!isPresent) this.#count(entry);
    return entry;
  }

  #count(entry: number): void {
    this.#blobCount++;
    this.#sizeBytes += this.#source.lengthOf(entry);
  }
}
