/** What became of trees, remembered within bounds. */
import type { BlobId } from '../../base/ids.ts';
import { type IndexTable, treeBlob } from '../../workers/index-table.ts';
import { BlobMarks } from '../tree/blob-marks.ts';
import type { TreePath } from '../tree/tree-path.ts';
import type { RewriteMemo, RewrittenTree } from './tree-edit.ts';

/** One bit for each tree in which nothing had to be changed: what had to be is looked at again, and told of again, by each snapshot. */
export class UnchangedTrees implements RewriteMemo {
  readonly #marks: BlobMarks;

  constructor(index: IndexTable) {
    this.#marks = new BlobMarks(index);
  }

  /** Files are not counted. */
  get(tree: BlobId): RewrittenTree | undefined {
    return this.#marks.has(tree, treeBlob) ? { tree, fileCount: 0, fileBytes: 0n } : undefined;
  }

  set(tree: BlobId, _path: TreePath, result: RewrittenTree): void {
    if (result.tree === tree) this.#marks.add(tree, treeBlob);
  }
}

/** An entry takes some 400 bytes with its key: 20 MB at most. */
const keptTrees = 50_000;

/** For rules about paths: snapshots of one machine share most of their trees, and share them at the same paths. */
export class TreesByPath implements RewriteMemo {
  readonly #results = new Map<string, RewrittenTree>();

  get(tree: BlobId, path: TreePath): RewrittenTree | undefined {
    return this.#results.get(tree + path);
  }

  /** When it is full it begins anew: a snapshot with more directories than that meets its upper ones last. */
  set(tree: BlobId, path: TreePath, result: RewrittenTree): void {
    if (this.#results.size >= keptTrees) this.#results.clear();
    this.#results.set(tree + path, result);
  }
}
