/** Decoded trees that were used last, bounded by the length of their JSON. */
import type { BlobId } from '../../base/ids.ts';
import type { TreeNode } from '../../format/node.ts';

/** Decoded nodes take some four times their JSON (measured): these are 32 MiB at most, the trees of some 20,000 entries. */
const maxJsonBytes = 8 << 20;

interface CachedTree {
  readonly nodes: readonly TreeNode[];
  readonly jsonBytes: number;
}

export class TreeCache {
  /** Least recently used first. */
  readonly #trees = new Map<BlobId, CachedTree>();
  readonly #capacity: number;
  #jsonBytes = 0;

  constructor(capacityBytes = maxJsonBytes) {
    this.#capacity = capacityBytes;
  }

  get(id: BlobId): readonly TreeNode[] | undefined {
    const found = this.#trees.get(id);
    if (found === undefined) return undefined;
    this.#trees.delete(id);
    this.#trees.set(id, found);
    return found.nodes;
  }

  set(id: BlobId, nodes: readonly TreeNode[], jsonBytes: number): void {
    if (jsonBytes > this.#capacity || this.#trees.has(id)) return;
    this.#trees.set(id, { nodes, jsonBytes });
    this.#jsonBytes += jsonBytes;
    for (const [oldest, tree] of this.#trees) {
      if (this.#jsonBytes <= this.#capacity) return;
      this.#trees.delete(oldest);
      this.#jsonBytes -= tree.jsonBytes;
    }
  }
}
