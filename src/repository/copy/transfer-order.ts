/**
 * The order in which blobs travel: batch by batch, in each of them pack by pack as they lie in the source, so that packs are read from
 * front to back and neighbours stay neighbours. Two numbers of 4 bytes for each blob that travels, and no object.
 */
import { firstBatch, type NeedMarks } from '../../workers/copy/need-marks.ts';
import type { IndexTable } from '../../workers/index-table.ts';

/** What one request moves at most: a worker is at it for some 20 ms. */
const usualSpan: SpanLimits = { maxBytes: 8 << 20, maxGapBytes: Number.POSITIVE_INFINITY };
const maxSpanBlobs = 4096;

export interface SpanLimits {
  /** From the front of the first blob to the end of the last; one that is larger alone is a span. */
  readonly maxBytes: number;
  /** A larger gap between two blobs ends a span: for storages that give a span as a whole. */
  readonly maxGapBytes: number;
}

export class TransferOrder {
  readonly #source: IndexTable;
  readonly #order: Uint32Array;
  /** Where each batch ends in the order. */
  readonly #ends: Uint32Array;

  /** @param blobCount blobs that are marked for some batch. @param batchCount batches from `firstBatch` on */
  constructor(source: IndexTable, marks: NeedMarks, blobCount: number, batchCount: number) {
    this.#source = source;
    const packOf = (entry: number): number => source.packOf(entry);
    const byPack = countingSort(markedEntries(source, marks, blobCount), source.packCount, packOf).sorted;
    const byBatch = countingSort(byPack, batchCount, (entry) => marks.get(entry) - firstBatch);
    this.#order = byBatch.sorted;
    this.#ends = byBatch.ends;
  }

  /** Blobs to move together: of one pack, in the order of their places in it. */
  *spans(batch: number, limits = usualSpan): Generator<Uint32Array, undefined> {
    const end = this.#ends[batch - firstBatch] ?? 0;
    let start = this.#ends[batch - firstBatch - 1] ?? 0;
    this.#sortByOffset(start, end);
    while (start < end) {
      const spanEnd = this.#spanEnd(start, end, limits);
      yield this.#order.slice(start, spanEnd);
      start = spanEnd;
    }
    return undefined;
  }

  #spanEnd(start: number, end: number, { maxBytes, maxGapBytes }: SpanLimits): number {
    const source = this.#source;
    const first = this.#order[start] ?? 0;
    let blobsEnd = source.offsetOf(first) + source.lengthOf(first);
    for (let at = start + 1; at < Math.min(end, start + maxSpanBlobs); at++) {
      const entry = this.#order[at] ?? 0;
      const isNear = source.packOf(entry) === source.packOf(first) && source.offsetOf(entry) - blobsEnd <= maxGapBytes;
      blobsEnd = source.offsetOf(entry) + source.lengthOf(entry);
      if (!isNear || blobsEnd - source.offsetOf(first) > maxBytes) return at;
    }
    return Math.min(end, start + maxSpanBlobs);
  }

  /** Writers list the blobs of a pack in order, so nearly always there is nothing to do. */
  #sortByOffset(start: number, end: number): void {
    const source = this.#source;
    const place = (at: number): number => source.offsetOf(this.#order[at] ?? 0);
    for (let from = start; from < end; ) {
      const pack = source.packOf(this.#order[from] ?? 0);
      let to = from + 1;
      let isSorted = true;
      for (; to < end && source.packOf(this.#order[to] ?? 0) === pack; to++) isSorted &&= place(to - 1) <= place(to);
      if (!isSorted) this.#order.subarray(from, to).sort((a, b) => source.offsetOf(a) - source.offsetOf(b));
      from = to;
    }
  }
}

function markedEntries(source: IndexTable, marks: NeedMarks, blobCount: number): Uint32Array {
  const entries = new Uint32Array(blobCount);
  let count = 0;
  for (let entry = 0; entry < source.entryCount; entry++) if (marks.get(entry) >= firstBatch) entries[count++] = entry;
  return entries.subarray(0, count);
}

/** Keeps the order among equals. @returns the numbers sorted, and for each key where its numbers end */
function countingSort(
  numbers: Uint32Array,
  keyCount: number,
  keyOf: (entry: number) => number,
): { readonly sorted: Uint32Array; readonly ends: Uint32Array } {
  const ends = new Uint32Array(keyCount);
  for (const number of numbers) ends[keyOf(number)] = (ends[keyOf(number)] ?? 0) + 1;
  let start = 0;
  for (let key = 0; key < keyCount; key++) {
    const count = ends[key] ?? 0;
    ends[key] = start;
    start += count;
  }
  const sorted = new Uint32Array(numbers.length);
  for (const number of numbers) {
    const key = keyOf(number);
    const at = ends[key] ?? 0;
    sorted[at] = number;
    ends[key] = at + 1;
  }
  return { sorted, ends };
}
