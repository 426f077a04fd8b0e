/** One place in a snapshot's tree by its path. */
import { HoldfastError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import type { QuotedName } from '../../format/go-quote.ts';
import type { TreeNode } from '../../format/node.ts';
import { parsePathNames } from './parse-path.ts';
import { displayPath, joinPath, rootPath, type TreePath } from './tree-path.ts';
import { subtreeOf, type TreeSource } from './tree-source.ts';

export interface FoundNode {
  readonly path: TreePath;
  /** Absent for the root, which has no node of its own. */
  readonly node: TreeNode | undefined;
}

/** @throws HoldfastError `not-found` when there is no such path */
export async function findNode(source: TreeSource, root: BlobId, path: string): Promise<FoundNode> {
  let found: FoundNode = { path: rootPath, node: undefined };
  for (const name of parsePathNames(path)) {
    const tree = found.node === undefined ? root : directoryTree(found.node, found.path);
    found = await findChild(source, tree, found.path, name);
  }
  return found;
}

/** The tree of a directory in the snapshot; '' and '/' are the root. @throws HoldfastError `not-found` */
export async function findSubtree(source: TreeSource, root: BlobId, path: string): Promise<BlobId> {
  const found = await findNode(source, root, path);
  return found.node === undefined ? root : directoryTree(found.node, found.path);
}

async function findChild(source: TreeSource, tree: BlobId, directory: TreePath, name: QuotedName): Promise<FoundNode> {
  const path = joinPath(directory, name);
  const node = (await source.loadTree(tree)).find((candidate) => candidate.name === name);
  if (node !== undefined) return { path, node };
  throw new HoldfastError('not-found', `the path ${displayPath(path)} is not in the snapshot`, {
    hint: 'List the snapshot with ls to see its paths.',
    context: { path: displayPath(path) },
  });
}

function directoryTree(node: TreeNode, path: TreePath): BlobId {
  if (node.type === 'dir') return subtreeOf(node, displayPath(path));
  throw new HoldfastError('not-found', `the path ${displayPath(path)} is no directory but a ${node.type}`, {
    context: { path: displayPath(path) },
  });
}
