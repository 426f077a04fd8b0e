/** Where trees come from: the repository, or a map in a test. */
import { HoldfastError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import type { TreeNode } from '../../format/node.ts';

export interface TreeSource {
  /** The nodes of a directory, ordered by the bytes of their names. */
  loadTree(id: BlobId): Promise<readonly TreeNode[]>;
}

/** The tree of a directory node. @throws HoldfastError `damaged` when the node has none */
export function subtreeOf(node: TreeNode, path: string): BlobId {
  if (node.subtree !== undefined) return node.subtree;
  throw new HoldfastError('damaged', `the directory ${path} has no tree`, { context: { path } });
}
