/** The shared memory of an index table: how it is divided, and how it grows. */
import { HoldfastError } from '../base/errors.ts';

/** What crosses threads; `IndexTable.attach` makes a table of it again. */
export interface IndexTableMemory {
  readonly header: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
  readonly packs: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly firstSlotCount: number;
}

/** Of an entry: id 8, pack, offset, length, uncompressed length. */
export const entryWords = 12;
export const entryBytes = entryWords * 4;
export const packIdBytes = 32;
/** Counts that all threads share. */
const headerWords = 4;

/** 64 million blobs, some 64 TB of data: 3 GB of entries, reserved but not used before they are needed. */
export const maxEntries = 1 << 26;
export const maxPacks = 1 << 24;
/** Slots per expected blob: with linear probing a load of 0.62 costs two to three probes. */
const slotsPerBlob = 1.6;
const minSlots = 1 << 16;
/** Each further slot table is that much larger than the one before it. */
const tableGrowth = 4;
const maxTables = 6;
const growthStepBytes = 1 << 20;
/** Packs are few: 2,000 of them a step. */
export const packGrowthBytes = 1 << 16;

/** For a table of `expectedBlobs`; it can grow beyond that. */
export function reserveMemory(expectedBlobs: number): IndexTableMemory {
  const firstSlotCount = Math.max(minSlots, Math.ceil(expectedBlobs * slotsPerBlob));
  const last = tablesFor(firstSlotCount).at(-1);
  return {
    header: new SharedArrayBuffer(headerWords * 4),
    entries: new SharedArrayBuffer(growthStepBytes, { maxByteLength: maxEntries * entryBytes }),
    packs: new SharedArrayBuffer(packGrowthBytes, { maxByteLength: maxPacks * packIdBytes }),
    slots: new SharedArrayBuffer(firstSlotCount * 4, {
      maxByteLength: last === undefined ? firstSlotCount * 4 : (last.start + last.size) * 4,
    }),
    firstSlotCount,
  };
}

/** A part of the slots that is a hash table of its own: where it starts, its slots, and up to which entry it takes entries. */
export interface SlotTable {
  readonly start: number;
  readonly size: number;
  readonly full: number;
}

/** The tables that a table grows through, one after the other. */
export function tablesFor(firstSlotCount: number): SlotTable[] {
  const tables: SlotTable[] = [];
  let start = 0;
  let size = firstSlotCount;
  let full = 0;
  while (tables.length < maxTables && full < maxEntries) {
    full += Math.ceil(size / slotsPerBlob);
    tables.push({ start, size, full });
    start += size;
    size *= tableGrowth;
  }
  return tables;
}

/** Grows a shared buffer to hold `bytes`, in steps; another thread may have done it meanwhile. */
export function commit(buffer: SharedArrayBuffer, bytes: number, stepBytes = growthStepBytes): void {
  while (buffer.byteLength < bytes) {
    const wanted = Math.min(buffer.maxByteLength, Math.ceil(bytes / stepBytes) * stepBytes);
    try {
      buffer.grow(wanted);
    } catch (error) {
      if (buffer.byteLength < bytes) throw new HoldfastError('internal', 'no memory for the index', { cause: error });
    }
  }
}

export function tooLarge(what: string): HoldfastError {
  return new HoldfastError('unsupported', `the repository has more ${what} than this version can hold`);
}
