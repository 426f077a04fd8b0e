/** What a rewriting of trees decides about nodes and directories. */
import type { BlobId } from '../../base/ids.ts';
import type { HoldfastError } from '../../base/errors.ts';
import type { TreeNode } from '../../format/node.ts';
import type { ScannedNode } from '../../format/tree-scan.ts';
import type { TreePath } from '../tree/tree-path.ts';

/** Keep it as it is, byte for byte; leave it out; or put another node in its place, which is made only then. */
export type NodeVerdict = 'keep' | 'remove' | ((node: TreeNode) => TreeNode);

export interface TreeEdit {
  /** Directories that are kept are entered. Arrays in `node` are valid during the call only. */
  editNode(node: ScannedNode, path: TreePath): NodeVerdict;
  /**
   * A directory that cannot be read, or has no tree at all: what takes its place.
   * Absent: the rewriting fails with the error.
   */
  onLostTree?(tree: BlobId | undefined, path: TreePath, error: HoldfastError): 'remove' | 'empty';
  /** What stands in a tree and is no node is left out. Absent: the rewriting fails with the error. */
  onBadNode?(directory: TreePath, error: HoldfastError): void;
  /** Whether a directory stays in which nothing is (left). Absent: it does. */
  keepsEmpty?(directory: TreePath): boolean;
}

/** What became of a tree. */
export interface RewrittenTree {
  /** Undefined: the directory is left out. */
  readonly tree: BlobId | undefined;
  /** Files below that stay, each as often as it is there, and their bytes. */
  readonly fileCount: number;
  readonly fileBytes: bigint;
}

/** Remembers what became of trees, so that what many snapshots share is rewritten once. */
export interface RewriteMemo {
  get(tree: BlobId, path: TreePath): RewrittenTree | undefined;
  set(tree: BlobId, path: TreePath, result: RewrittenTree): void;
}

/** Where rewritten trees go: a BlobSaver, or nowhere on a dry run. */
export interface TreeSaver {
  saveTree(plain: Uint8Array): BlobId;
}

/** Where the JSON text of a node stands in the tree's blob. */
export interface NodeSpan {
  readonly start: number;
  readonly end: number;
}

/** A piece of the tree that is made: where the text of a node stands in the tree as it was, or a new text. */
export type TreePiece = NodeSpan | Buffer;
