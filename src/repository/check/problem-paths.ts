/** Finds out after a walk which path in which snapshot a tree with a problem has. */
import type { BlobId } from '../../base/ids.ts';
import { displayName } from '../../format/go-quote.ts';
import type { CheckMemory } from '../../workers/check/check-memory.ts';
import type { CheckProblem } from '../../workers/check/problem.ts';
import { type IndexTable, treeBlob } from '../../workers/index-table.ts';
import type { TreeSource } from '../tree/tree-source.ts';
import type { TreeWalk } from './tree-walk.ts';

/** Each level of a path costs reading a tree: with more problems than this, paths are no longer what helps. */
const maxLookUps = 2_000;

export class ProblemPaths {
  readonly #index: IndexTable;
  readonly #parents: Uint32Array;
  readonly #walk: TreeWalk;
  readonly #trees: TreeSource;
  readonly #known = new Map<number, string | undefined>();
  #lookUps = 0;

  constructor(index: IndexTable, memory: CheckMemory, walk: TreeWalk, trees: TreeSource) {
    this.#index = index;
    this.#parents = new Uint32Array(memory.parents);
    this.#walk = walk;
    this.#trees = trees;
  }

  /** The problem with `path` and `snapshot` in its context, where it is about a tree and they can be found. */
  async locate(problem: CheckProblem): Promise<CheckProblem> {
    const { tree, name } = problem.context;
    if (typeof tree !== 'string') return problem;
    const entry = this.#index.find(Buffer.from(tree, 'hex'), treeBlob);
    if (entry < 0) return problem;
    const path = await this.#pathOf(entry);
    const snapshot = this.#walk.snapshotOf(this.#rootOf(entry));
    if (path === undefined || snapshot === undefined) return problem;
    const ownPath = typeof name !== 'string' ? path : `${path === '/' ? '' : path}/${name}`;
    const message = `${problem.message} (${ownPath} in snapshot ${snapshot.slice(0, 8)})`;
    return { ...problem, message, context: { ...problem.context, path: ownPath, snapshot } };
  }

  #rootOf(entry: number): number {
    let root = entry;
    while (this.#parentOf(root) >= 0) root = this.#parentOf(root);
    return root;
  }

  /** The tree in which a tree was found first, or -1 for a root. */
  #parentOf(entry: number): number {
    return (this.#parents[entry] ?? 0) - 1;
  }

  async #pathOf(entry: number): Promise<string | undefined> {
    const parent = this.#parentOf(entry);
    if (parent < 0) return '/';
    if (!this.#known.has(entry)) this.#known.set(entry, await this.#findPath(parent, entry));
    return this.#known.get(entry);
  }

  async #findPath(parent: number, entry: number): Promise<string | undefined> {
    if (this.#lookUps++ > maxLookUps) return undefined;
    const above = await this.#pathOf(parent);
    const id = this.#index.idHex(entry);
    const nodes = await this.#trees.loadTree(this.#index.idHex(parent) as BlobId).catch(() => []);
    const node = nodes.find((candidate) => candidate.subtree === id);
    if (node === undefined || above === undefined) return undefined;
    return `${above === '/' ? '' : above}/${displayName(node.name)}`;
  }
}
