/**
 * A set of blobs of the repository, one bit for each entry of the index: ten million blobs take little more than a megabyte,
 * where a set of their ids would take a gigabyte. Blobs that the index does not have are kept by id.
 */
import { type BlobId, idToBytes } from '../../base/ids.ts';
import { sealOverhead } from '../../crypto/sealer.ts';
import type { BlobType, IndexTable } from '../../workers/index-table.ts';

export class BlobMarks {
  readonly #index: IndexTable;
  #bits: Uint8Array;
  readonly #unknown = new Map<BlobId, BlobType>();

  constructor(index: IndexTable) {
    this.#index = index;
    this.#bits = new Uint8Array(Math.ceil(index.entryCount / 8));
  }

  /** @returns whether the blob was not yet in the set */
  add(id: BlobId, type: BlobType): boolean {
    const entry = this.#index.find(idToBytes(id), type);
    if (entry < 0) {
      const isNew = !this.#unknown.has(id);
      this.#unknown.set(id, type);
      return isNew;
    }
    this.#reserve(entry);
    const bit = 1 << (entry & 7);
    const byte = this.#bits[entry >> 3] ?? 0;
    this.#bits[entry >> 3] = byte | bit;
    return (byte & bit) === 0;
  }

  has(id: BlobId, type: BlobType): boolean {
    const entry = this.#index.find(idToBytes(id), type);
    return entry < 0 ? this.#unknown.has(id) : this.hasEntry(entry);
  }

  hasEntry(entry: number): boolean {
    return ((this.#bits[entry >> 3] ?? 0) & (1 << (entry & 7))) !== 0;
  }

  /** Numbers of the index entries in the set, in rising order. */
  *entries(): Generator<number> {
    for (let byte = 0; byte < this.#bits.length; byte++) {
      if (this.#bits[byte] === 0) continue;
      for (let bit = 0; bit < 8; bit++) if (this.hasEntry(byte * 8 + bit)) yield byte * 8 + bit;
    }
  }

  /** Blobs of the set that no index knows. */
  get unknown(): ReadonlyMap<BlobId, BlobType> {
    return this.#unknown;
  }

  #reserve(entry: number): void {
    if (entry >> 3 < this.#bits.length) return;
    const larger = new Uint8Array(Math.ceil(((entry >> 3) + 1) * 1.5));
    larger.set(this.#bits);
    this.#bits = larger;
  }
}

/** Length of a blob's plaintext. */
export function plainLengthOf(index: IndexTable, entry: number): number {
  const plainLength = index.plainLengthOf(entry);
  return plainLength === 0 ? index.lengthOf(entry) - sealOverhead : plainLength;
}
