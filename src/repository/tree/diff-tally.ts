/** The numbers of a comparison: entries and blobs that only one side has. */
import type { BlobId } from '../../base/ids.ts';
import type { TreeNode } from '../../format/node.ts';
import { dataBlob, type IndexTable, treeBlob } from '../../workers/index-table.ts';
import { BlobMarks, plainLengthOf } from './blob-marks.ts';

export interface SideTotals {
  files: number;
  dirs: number;
  others: number;
  dataBlobs: number;
  treeBlobs: number;
  /** Plaintext of the blobs that only this side has. */
  bytes: number;
}

export interface DiffTotals {
  readonly changedFiles: number;
  readonly added: Readonly<SideTotals>;
  readonly removed: Readonly<SideTotals>;
  /** Blobs that the index does not have: their sizes are not in the numbers. */
  readonly missingBlobs: readonly BlobId[];
}

type Side = 'before' | 'after';

export class DiffTally {
  readonly #index: IndexTable;
  readonly #common: BlobMarks;
  readonly #marks: Readonly<Record<Side, BlobMarks>>;
  readonly #totals: Readonly<Record<Side, SideTotals>> = { before: emptyTotals(), after: emptyTotals() };
  readonly #missing = new Set<BlobId>();
  #changedFiles = 0;

  constructor(index: IndexTable) {
    this.#index = index;
    this.#common = new BlobMarks(index);
    this.#marks = { before: new BlobMarks(index), after: new BlobMarks(index) };
  }

  countChangedFile(): void {
    this.#changedFiles += 1;
  }

  countNode(side: Side, node: TreeNode): void {
    const totals = this.#totals[side];
    if (node.type === 'file') totals.files += 1;
    else if (node.type === 'dir') totals.dirs += 1;
    else totals.others += 1;
  }

  addTrees(before: BlobId, after: BlobId): void {
    this.#marks.before.add(before, treeBlob);
    this.#marks.after.add(after, treeBlob);
  }

  addBlobs(side: Side, node: TreeNode | undefined): void {
    if (node !== undefined) addNodeBlobs(this.#marks[side], node);
  }

  /** @returns whether the node's tree was not yet known to be common */
  addCommon(node: TreeNode): boolean {
    return addNodeBlobs(this.#common, node);
  }

  finish(): DiffTotals {
    this.#countBlobs('before', this.#marks.after);
    this.#countBlobs('after', this.#marks.before);
    return { changedFiles: this.#changedFiles, added: this.#totals.after, removed: this.#totals.before, missingBlobs: [...this.#missing] };
  }

  #countBlobs(side: Side, other: BlobMarks): void {
    const totals = this.#totals[side];
    for (const entry of this.#marks[side].entries()) {
      if (other.hasEntry(entry) || this.#common.hasEntry(entry)) continue;
      if (this.#index.typeOf(entry) === dataBlob) totals.dataBlobs += 1;
      else totals.treeBlobs += 1;
      totals.bytes += plainLengthOf(this.#index, entry);
    }
    for (const [id, type] of this.#marks[side].unknown) {
      if (other.unknown.has(id) || this.#common.unknown.has(id)) continue;
      if (type === dataBlob) totals.dataBlobs += 1;
      else totals.treeBlobs += 1;
      this.#missing.add(id);
    }
  }
}

function addNodeBlobs(marks: BlobMarks, node: TreeNode): boolean {
  if (node.type === 'file') for (const id of node.content ?? []) marks.add(id, dataBlob);
  return node.type === 'dir' && node.subtree !== undefined && marks.add(node.subtree, treeBlob);
}

function emptyTotals(): SideTotals {
  return { files: 0, dirs: 0, others: 0, dataBlobs: 0, treeBlobs: 0, bytes: 0 };
}
