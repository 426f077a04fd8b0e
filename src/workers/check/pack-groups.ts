/** What the indexes say of the packs, pack by pack, as all threads of a check see it. */
import { compressedEntryBytes, headerLengthFieldBytes, plainEntryBytes, sealingOverheadBytes } from '../../format/pack-header.ts';
import type { IndexTable } from '../index-table.ts';
import type { CheckMemory } from './check-memory.ts';

/** Numbers per group in `CheckMemory.groups`. */
export const groupWords = 2;

const treeBit = 1;
const compressedBit = 2;

export class PackGroups {
  readonly index: IndexTable;
  readonly #order: Uint32Array;
  readonly #groups: Uint32Array;

  constructor(index: IndexTable, memory: Pick<CheckMemory, 'order' | 'groups'>) {
    this.index = index;
    this.#order = new Uint32Array(memory.order);
    this.#groups = new Uint32Array(memory.groups);
  }

  /** Entries of the pack by their offsets: a view. @param group number that the index gave to the pack when it was first met */
  entriesOf(group: number): Uint32Array {
    const start = this.#groups[group * groupWords] ?? 0;
    return this.#order.subarray(start, start + (this.#groups[group * groupWords + 1] ?? 0));
  }

  /** Where the last blob of the pack ends. */
  blobsEnd(group: number): number {
    const last = this.entriesOf(group).at(-1);
    return last === undefined ? 0 : this.index.offsetOf(last) + this.index.lengthOf(last);
  }

  /** Bytes that a pack of these blobs must have. */
  expectedSize(group: number): number {
    let bytes = sealingOverheadBytes + headerLengthFieldBytes;
    for (const entry of this.entriesOf(group)) {
      bytes += this.index.lengthOf(entry) + (this.index.plainLengthOf(entry) === 0 ? plainEntryBytes : compressedEntryBytes);
    }
    return bytes;
  }

  /** The header that a pack of these blobs must have, as it is before sealing. */
  expectedHeader(group: number): Buffer {
    const entries = this.entriesOf(group);
    const header = Buffer.allocUnsafe(entries.length * compressedEntryBytes);
    let at = 0;
    for (const entry of entries) at = this.#writeEntry(header, at, entry);
    return header.subarray(0, at);
  }

  /** Position of the first blob that does not begin where the one before it ends, as the blob's place in `entriesOf`; or -1. */
  firstMisplaced(group: number): number {
    let end = 0;
    return this.entriesOf(group).findIndex((entry) => {
      const isMisplaced = this.index.offsetOf(entry) !== end;
      end = this.index.offsetOf(entry) + this.index.lengthOf(entry);
      return isMisplaced;
    });
  }

  #writeEntry(header: Buffer, start: number, entry: number): number {
    const plainLength = this.index.plainLengthOf(entry);
    header[start] = (this.index.typeOf(entry) === 1 ? treeBit : 0) | (plainLength > 0 ? compressedBit : 0);
    let at = header.writeUInt32LE(this.index.lengthOf(entry), start + 1);
    if (plainLength > 0) at = header.writeUInt32LE(plainLength, at);
    this.index.copyId(entry, header.subarray(at));
    return at + 32;
  }
}
