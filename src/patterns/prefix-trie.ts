/** Says whether a rooted pattern may match something below a path: whether the path runs along the pattern so far. */
import { type Glob, globFits } from './glob.ts';
import { gap, type Pattern, splitPath } from './pattern.ts';
import type { PathText } from './path-text.ts';
import { none } from './ending-index.ts';

interface TrieNode {
  /** Highest number of the patterns that lead through or to here. */
  through: number;
  /** Highest number of the patterns that end here, or go on with '**': anything below may match. */
  ended: number;
  readonly literals: Map<string, TrieNode>;
  readonly globs: Map<string, { readonly glob: Glob; readonly node: TrieNode }>;
}

export class PrefixTrie {
  readonly #root = newNode();

  add(number: number, pattern: Pattern): void {
    let node = this.#root;
    node.through = number;
    for (const part of pattern.parts) {
      if (part === gap) break;
      node = childOf(node, part);
      node.through = number;
    }
    node.ended = number;
  }

  /** The highest number of a pattern that may match below the absolute path, `none` without one. */
  lastOpen(path: PathText): number {
    let best = this.#root.ended;
    let nodes: TrieNode[] = [this.#root];
    for (const name of splitPath(path).names) {
      nodes = nodes.flatMap((node) => follow(node, name));
      if (nodes.length === 0) return best;
      for (const node of nodes) best = Math.max(best, node.ended);
    }
    return nodes.reduce((highest, node) => Math.max(highest, node.through), best);
  }
}

function newNode(): TrieNode {
  return { through: none, ended: none, literals: new Map(), globs: new Map() };
}

function childOf(node: TrieNode, glob: Glob): TrieNode {
  if (glob.kind === 'literal') {
    const child = node.literals.get(glob.text) ?? newNode();
    node.literals.set(glob.text, child);
    return child;
  }
  const key = JSON.stringify(glob);
  const edge = node.globs.get(key) ?? { glob, node: newNode() };
  node.globs.set(key, edge);
  return edge.node;
}

function follow(node: TrieNode, name: string): TrieNode[] {
  const followed: TrieNode[] = [];
  const literal = node.literals.get(name);
  if (literal !== undefined) followed.push(literal);
  for (const edge of node.globs.values()) {
    if (globFits(edge.glob, name)) followed.push(edge.node);
  }
  return followed;
}
