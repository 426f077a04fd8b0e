/**
 * What all threads of a check share besides the index: which entries lie in which pack, which blobs are used, which trees
 * have been claimed. A few bytes for each entry of the index and no object, so that ten million blobs take some 85 MB.
 */
import type { IndexTableMemory } from '../index-table.ts';

/** What crosses threads. */
export interface CheckMemory {
  readonly index: IndexTableMemory;
  /** Numbers of index entries, pack by pack, each pack's by their offset. */
  readonly order: SharedArrayBuffer;
  /** Per pack group two numbers: where its entries begin in `order`, and how many there are. */
  readonly groups: SharedArrayBuffer;
  readonly usedBits: SharedArrayBuffer;
  readonly claimedBits: SharedArrayBuffer;
  /** Per entry of a claimed tree: the entry of the tree that it was found in, plus one. Pages of other entries are never touched. */
  readonly parents: SharedArrayBuffer;
}

/** A set of index entries that any thread adds to. */
export class SharedBits {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  static memoryFor(count: number): SharedArrayBuffer {
    return new SharedArrayBuffer(Math.ceil(count / 32) * 4);
  }

  /** @returns whether it was not in the set; of several threads that add the same, one gets true */
  add(entry: number): boolean {
    const bit = 1 << (entry & 31);
    const at = entry >>> 5;
    if (((this.#words[at] ?? 0) & bit) !== 0) return false;
    return (Atomics.or(this.#words, at, bit) & bit) === 0;
  }

  has(entry: number): boolean {
    return ((this.#words[entry >>> 5] ?? 0) & (1 << (entry & 31))) !== 0;
  }
}
