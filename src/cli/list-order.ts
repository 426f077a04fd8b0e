/** Orders of a listing other than the snapshot's own. */
import { extname } from 'node:path';
import { parseTime } from '../format/go-time.ts';
import type { TreeNode } from '../format/node.ts';
import type { TreePath } from '../repository/tree/tree-path.ts';

export interface ListedEntry {
  readonly path: TreePath;
  readonly node: TreeNode;
}

/** `time` is another word for mtime. */
export const sortKeys = ['name', 'size', 'time', 'mtime', 'atime', 'ctime', 'extension'] as const;
export type SortKey = (typeof sortKeys)[number];

/** Entries that the key does not tell apart are ordered by path. */
export function sortEntries(entries: readonly ListedEntry[], key: SortKey, isReversed: boolean): ListedEntry[] {
  const sorted = key === 'name' ? [...entries] : sortByKey(entries, key);
  return isReversed ? sorted.reverse() : sorted;
}

function sortByKey(entries: readonly ListedEntry[], key: Exclude<SortKey, 'name'>): ListedEntry[] {
  const keyed = entries.map((entry) => ({ entry, value: valueOf(entry, key) }));
  keyed.sort((a, b) => compare(a.value, b.value) || compare(a.entry.path, b.entry.path));
  return keyed.map(({ entry }) => entry);
}

function valueOf({ path, node }: ListedEntry, key: Exclude<SortKey, 'name'>): bigint | string {
  if (key === 'size') return BigInt(node.type === 'file' ? (node.size ?? 0) : 0);
  if (key === 'extension') return extname(path);
  if (key === 'atime') return parseTime(node.atime);
  return parseTime(key === 'ctime' ? node.ctime : node.mtime);
}

function compare(a: bigint | string, b: bigint | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
