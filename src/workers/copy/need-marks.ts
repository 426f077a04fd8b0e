/**
 * For each entry of the source's index what a copy has to do with it, in memory that all threads share: two bytes a blob.
 *
 * A blob is needed by the batch of the first snapshot that uses it. Batches are numbered from `firstBatch`.
 */
import type { BlobType, IndexTable } from '../index-table.ts';

/** The destination has the blob. */
export const presentMark = 1;
export const firstBatch = 2;
/** Everything from here on is one batch. */
export const lastBatch = 0xffff;

const unknownMark = 0;

export class NeedMarks {
  readonly #marks: Uint16Array;

  constructor(memory: SharedArrayBuffer) {
    this.#marks = new Uint16Array(memory);
  }

  static memoryFor(entryCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer(entryCount * 2);
  }

  /** The number of the batch, `presentMark`, or 0 for a blob that nobody has asked for. */
  get(entry: number): number {
    return this.#marks[entry] ?? unknownMark;
  }

  /** @returns whether the entry was not marked before: of several threads that mark it, one gets true */
  set(entry: number, mark: number): boolean {
    return Atomics.compareExchange(this.#marks, entry, unknownMark, mark) === unknownMark;
  }
}

/** Whether the index has the blob: an entry counts once its pack is finished. */
export function hasBlob(index: IndexTable, id: Uint8Array, type: BlobType): boolean {
  const found = index.find(id, type);
  return found >= 0 && index.packOf(found) >= 0;
}
