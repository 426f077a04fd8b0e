/** Searches a snapshot's tree: entries by patterns and times, or the places where an object is used. */
import type { BlobId } from '../../base/ids.ts';
import { parseTime } from '../../format/go-time.ts';
import type { TreeNode } from '../../format/node.ts';
import { type PathText, pathText } from '../../patterns/path-text.ts';
import type { PatternList } from '../../patterns/pattern-list.ts';
import { pathBytes, rootPath, type TreePath } from './tree-path.ts';
import type { TreeSource } from './tree-source.ts';
import { type TreeEntry, type TreeVisitor, type Verdict, walkTree } from './walk.ts';

export interface FindScope {
  readonly source: TreeSource;
  readonly root: BlobId;
  /** A directory that cannot be read is left out. */
  onUnreadable(tree: BlobId, path: TreePath, error: unknown): void;
  readonly signal?: AbortSignal;
}

export interface EntryQuery {
  readonly patterns: PatternList;
  /** Modification times, in nanoseconds since 1970; both ends are included. */
  readonly oldestNs?: bigint | undefined;
  readonly newestNs?: bigint | undefined;
}

export async function findEntries(scope: FindScope, query: EntryQuery, onMatch: (entry: TreeEntry) => void): Promise<void> {
  await walk(scope, (entry) => {
    const { isMatch, childMayMatch } = query.patterns.match(matchablePath(entry.path));
    if (isMatch && isInTime(entry.node, query)) onMatch(entry);
    return childMayMatch || isMatch ? 'enter' : 'skip';
  });
}

export interface ObjectQuery {
  /** Beginnings of ids. */
  readonly blobs: readonly string[];
  readonly trees: readonly string[];
}

export interface FoundObject {
  readonly kind: 'blob' | 'tree';
  readonly id: BlobId;
  readonly path: TreePath;
  /** For a blob: the tree with the file. */
  readonly parentTree: BlobId | undefined;
}

export async function findObjects(scope: FindScope, query: ObjectQuery, onFound: (found: FoundObject) => void): Promise<void> {
  const reportTree = (id: BlobId, path: TreePath) => {
    if (beginsWithAny(id, query.trees)) onFound({ kind: 'tree', id, path, parentTree: undefined });
  };
  reportTree(scope.root, rootPath);
  await walk(scope, ({ path, node, tree }) => {
    if (node.subtree !== undefined) reportTree(node.subtree, path);
    if (query.blobs.length === 0 || node.type !== 'file') return 'enter';
    for (const id of node.content ?? []) {
      if (beginsWithAny(id, query.blobs)) onFound({ kind: 'blob', id, path, parentTree: tree });
    }
    return 'enter';
  });
}

async function walk(scope: FindScope, onEntry: (entry: TreeEntry) => Verdict): Promise<void> {
  const visitor: TreeVisitor = { onEntry, onUnreadable: (tree, path, error) => scope.onUnreadable(tree, path, error) };
  await walkTree(scope.source, scope.root, visitor, scope.signal === undefined ? {} : { signal: scope.signal });
}

/** Patterns work on bytes. */
export function matchablePath(path: TreePath): PathText {
  return pathText(pathBytes(path));
}

function isInTime(node: TreeNode, { oldestNs, newestNs }: EntryQuery): boolean {
  if (oldestNs === undefined && newestNs === undefined) return true;
  const time = parseTime(node.mtime);
  return (oldestNs === undefined || time >= oldestNs) && (newestNs === undefined || time <= newestNs);
}

function beginsWithAny(id: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => id.startsWith(prefix));
}
