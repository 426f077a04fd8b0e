/**
 * Visits what is under a tree, parents before children, in the order of the names' bytes.
 * In memory are only the lists of the directories on the way down.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import type { BlobId } from '../../base/ids.ts';
import type { TreeNode } from '../../format/node.ts';
import { displayPath, joinPath, rootPath, type TreePath } from './tree-path.ts';
import { subtreeOf, type TreeSource } from './tree-source.ts';

export interface TreeEntry {
  readonly path: TreePath;
  readonly node: TreeNode;
  /** The tree in which the node stands. */
  readonly tree: BlobId;
}

/** What to do after a directory: go into it, leave it out, or end the whole walk. For other nodes only `stop` matters. */
export type Verdict = 'enter' | 'skip' | 'stop';

export interface TreeVisitor {
  onEntry(entry: TreeEntry): Verdict | Promise<Verdict>;
  /** All that is under a directory has been visited. */
  onLeave?(entry: TreeEntry): void;
  /** A directory cannot be read: the walk goes on without it. Absent: the walk fails. */
  onUnreadable?(tree: BlobId, path: TreePath, error: unknown): void;
}

export interface WalkOptions {
  /** Path of the tree that the walk begins with; the root unless told. */
  readonly path?: TreePath;
  readonly signal?: AbortSignal;
}

/** @returns false when a visitor's `stop` ended it */
export async function walkTree(source: TreeSource, root: BlobId, visitor: TreeVisitor, options: WalkOptions = {}): Promise<boolean> {
  return await new Walk(source, visitor, options.signal).visitTree(root, options.path ?? rootPath);
}

class Walk {
  readonly #source: TreeSource;
  readonly #visitor: TreeVisitor;
  readonly #signal: AbortSignal | undefined;

  constructor(source: TreeSource, visitor: TreeVisitor, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#visitor = visitor;
    this.#signal = signal;
  }

  async visitTree(tree: BlobId, path: TreePath): Promise<boolean> {
    const nodes = await this.#load(tree, path);
    for (const node of nodes) {
      if (!(await this.#visitEntry({ path: joinPath(path, node.name), node, tree }))) return false;
    }
    return true;
  }

  async #visitEntry(entry: TreeEntry): Promise<boolean> {
    throwIfCancelled(this.#signal);
    const answer = this.#visitor.onEntry(entry);
    const verdict = typeof answer === 'string' ? answer : await answer;
    if (verdict === 'stop') return false;
    if (verdict === 'skip' || entry.node.type !== 'dir') return true;
    if (!(await this.visitTree(subtreeOf(entry.node, displayPath(entry.path)), entry.path))) return false;
    this.#visitor.onLeave?.(entry);
    return true;
  }

  async #load(tree: BlobId, path: TreePath): Promise<readonly TreeNode[]> {
    throwIfCancelled(this.#signal);
    try {
      return await this.#source.loadTree(tree);
    } catch (error) {
      if (this.#visitor.onUnreadable === undefined || this.#signal?.aborted === true) throw error;
      this.#visitor.onUnreadable(tree, path, error);
      return [];
    }
  }
}
