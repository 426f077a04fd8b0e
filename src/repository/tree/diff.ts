/** What changed from one tree to another. Two directories with the same tree id are equal, so most of a snapshot is never read. */
import { throwIfCancelled } from '../../base/cancellation.ts';
import type { BlobId } from '../../base/ids.ts';
import { compareNames } from '../../format/go-quote.ts';
import { formatTimeNs, parseTime } from '../../format/go-time.ts';
import type { TreeNode } from '../../format/node.ts';
import { encodeNode } from '../../format/node-encoder.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import { type DiffTotals, DiffTally } from './diff-tally.ts';
import { displayPath, joinPath, rootPath, type TreePath } from './tree-path.ts';
import { subtreeOf, type TreeSource } from './tree-source.ts';

export interface TreeChange {
  /** Ends with a slash for a directory. */
  readonly path: TreePath;
  /** + added, - removed, T type, M content, U metadata, M? content changed while all metadata stayed: perhaps a rotten disk. */
  readonly modifier: string;
}

export interface DiffOptions {
  readonly source: TreeSource;
  readonly index: IndexTable;
  readonly before: BlobId;
  readonly after: BlobId;
  /** Report entries of which only metadata changed. */
  readonly withMetadata: boolean;
  onChange(change: TreeChange): void;
  /** A directory cannot be compared; the rest is. */
  onFailure(path: TreePath, error: unknown): void;
  readonly signal?: AbortSignal;
}

export async function diffTrees(options: DiffOptions): Promise<DiffTotals> {
  const diff = new TreeDiff(options);
  diff.tally.addTrees(options.before, options.after);
  // The two roots must be readable: a comparison without them would be no comparison.
  if (options.before === options.after) await diff.collectCommon(options.before, rootPath);
  else await diff.compare(options.before, options.after, rootPath);
  return diff.tally.finish();
}

type Side = 'before' | 'after';

class TreeDiff {
  readonly tally: DiffTally;
  readonly #options: DiffOptions;

  constructor(options: DiffOptions) {
    this.#options = options;
    this.tally = new DiffTally(options.index);
  }

  async compare(before: BlobId, after: BlobId, directory: TreePath): Promise<void> {
    const [left, right] = await Promise.all([this.#load(before), this.#load(after)]);
    for (const [old, now] of pairByName(left, right)) {
      this.tally.addBlobs('before', old);
      this.tally.addBlobs('after', now);
      if (old !== undefined && now !== undefined) await this.#compareNodes(old, now, directory);
      else if (old !== undefined) await this.#reportWhole('before', old, directory);
      else if (now !== undefined) await this.#reportWhole('after', now, directory);
    }
  }

  /** Blobs that both sides share count for neither. */
  async collectCommon(tree: BlobId, directory: TreePath): Promise<void> {
    for (const node of await this.#load(tree)) {
      const isNewTree = this.tally.addCommon(node);
      if (node.type !== 'dir' || !isNewTree) continue;
      const path = joinPath(directory, node.name);
      await this.#orReport(path, async () => this.collectCommon(subtreeOf(node, displayPath(path)), path));
    }
  }

  async #compareNodes(old: TreeNode, now: TreeNode, directory: TreePath): Promise<void> {
    const modifier = this.#modifierFor(old, now);
    const path = joinPath(directory, now.name);
    if (modifier !== '') this.#options.onChange({ path: markDirectory(path, now), modifier });
    if (old.type !== 'dir' || now.type !== 'dir') return;
    await this.#orReport(path, async () => {
      const [oldTree, newTree] = [subtreeOf(old, displayPath(path)), subtreeOf(now, displayPath(path))];
      if (oldTree === newTree) await this.collectCommon(oldTree, path);
      else await this.compare(oldTree, newTree, path);
    });
  }

  #modifierFor(old: TreeNode, now: TreeNode): string {
    const type = old.type === now.type ? '' : 'T';
    if (old.type === 'file' && now.type === 'file' && !isSameContent(old, now)) {
      this.tally.countChangedFile();
      return isSameMetadata(old, now, { withContent: false }) ? `${type}M?` : `${type}M`;
    }
    return this.#options.withMetadata && !isSameMetadata(old, now, { withContent: true }) ? `${type}U` : type;
  }

  /** A node that only one side has, with all that is under it. */
  async #reportWhole(side: Side, node: TreeNode, directory: TreePath): Promise<void> {
    const path = joinPath(directory, node.name);
    this.#options.onChange({ path: markDirectory(path, node), modifier: side === 'before' ? '-' : '+' });
    this.tally.countNode(side, node);
    if (node.type !== 'dir') return;
    await this.#orReport(path, async () => {
      for (const child of await this.#load(subtreeOf(node, displayPath(path)))) {
        this.tally.addBlobs(side, child);
        await this.#reportWhole(side, child, path);
      }
    });
  }

  async #load(tree: BlobId): Promise<readonly TreeNode[]> {
    throwIfCancelled(this.#options.signal);
    return await this.#options.source.loadTree(tree);
  }

  async #orReport(path: TreePath, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#options.signal?.aborted === true) throw error;
      this.#options.onFailure(path, error);
    }
  }
}

function* pairByName(left: readonly TreeNode[], right: readonly TreeNode[]): Generator<[TreeNode | undefined, TreeNode | undefined]> {
  let atLeft = 0;
  let atRight = 0;
  while (atLeft < left.length || atRight < right.length) {
    const old = left[atLeft];
    const now = right[atRight];
    const order = old === undefined ? 1 : now === undefined ? -1 : compareNames(old.name, now.name);
    if (order <= 0) atLeft++;
    if (order >= 0) atRight++;
    yield [order <= 0 ? old : undefined, order >= 0 ? now : undefined];
  }
}

function isSameContent(old: TreeNode, now: TreeNode): boolean {
  const [a, b] = [old.content ?? [], now.content ?? []];
  return a.length === b.length && a.every((id, position) => id === b[position]);
}

/** The encoded form holds all that a snapshot keeps of a node. Times count as moments: writers in two time zones write them differently. */
function isSameMetadata(old: TreeNode, now: TreeNode, { withContent }: { withContent: boolean }): boolean {
  const [a, b] = withContent ? [old, now] : [withoutContent(old), withoutContent(now)];
  return encodeNode(a) === encodeNode(b) || encodeNode(withLocalTimes(a)) === encodeNode(withLocalTimes(b));
}

function withoutContent(node: TreeNode): TreeNode {
  return { ...node, content: null };
}

function withLocalTimes(node: TreeNode): TreeNode {
  const local = (time: string) => formatTimeNs(parseTime(time));
  return { ...node, mtime: local(node.mtime), atime: local(node.atime), ctime: local(node.ctime) };
}

function markDirectory(path: TreePath, node: TreeNode): TreePath {
  return node.type === 'dir' ? (`${path}/` as TreePath) : path;
}
