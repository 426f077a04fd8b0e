/** What an archive of a folder contains, in order; both formats are made from it. */
import type { BlobId } from '../../base/ids.ts';
import type { TreeNode } from '../../format/node.ts';
import { pathBytes, type TreePath } from '../../repository/tree/tree-path.ts';
import type { TreeSource } from '../../repository/tree/tree-source.ts';
import { walkTree } from '../../repository/tree/walk.ts';

export interface ArchiveEntry {
  /** Relative; with a slash at the end for a directory. */
  readonly name: Buffer;
  readonly node: TreeNode;
  /** Name of the entry that came before with the same inode: this one is a further link to it. */
  readonly linkTo: Buffer | undefined;
}

export interface FolderToArchive {
  readonly source: TreeSource;
  readonly tree: BlobId;
  /** The folder's path in the snapshot: it becomes part of the names. */
  readonly path: TreePath;
  readonly signal: AbortSignal;
}

export async function eachArchiveEntry(folder: FolderToArchive, visit: (entry: ArchiveEntry) => Promise<void>): Promise<void> {
  const firstLinks = new Map<string, Buffer>();
  const onEntry = async ({ path, node }: { path: TreePath; node: TreeNode }): Promise<'enter'> => {
    const name = archiveName(path, node);
    await visit({ name, node, linkTo: findFirstLink(firstLinks, node, name) });
    return 'enter';
  };
  await walkTree(folder.source, folder.tree, { onEntry }, { path: folder.path, signal: folder.signal });
}

function archiveName(path: TreePath, node: TreeNode): Buffer {
  return Buffer.from(Buffer.concat([Buffer.from(pathBytes(path)), Buffer.from(node.type === 'dir' ? '/' : '')]).subarray(1));
}

function findFirstLink(firstLinks: Map<string, Buffer>, node: TreeNode, name: Buffer): Buffer | undefined {
  if (node.type !== 'file' || Number(node.links ?? 0) < 2 || node.inode === undefined) return undefined;
  const key = `${node.deviceId ?? 0}:${node.inode}`;
  const first = firstLinks.get(key);
  if (first === undefined) firstLinks.set(key, name);
  return first;
}
