/**
 * The index of a repository in flat shared memory: which blob lies where. All threads read and write it at once.
 *
 * An entry takes 48 bytes (id 32, pack 4, offset 4, length 4, uncompressed length 4), its hash slots about 6.4 bytes,
 * so ten million blobs take some 550 MB. Memory is reserved up front but only committed as it grows.
 *
 * Claims make deduplication exact across threads: of all threads that claim the same blob, one wins and stores it.
 * Order that makes this safe: an entry's words are written before its slot is published by compare-and-swap, and
 * every reader goes through an atomic load of the slot.
 */
import type { BlobTypeNumber } from '../format/index-file.ts';
import {
  commit,
  entryBytes,
  entryWords,
  type IndexTableMemory,
  maxEntries,
  maxPacks,
  packGrowthBytes,
  packIdBytes,
  reserveMemory,
  type SlotTable,
  tablesFor,
  tooLarge,
} from './index-memory.ts';

export type { IndexTableMemory } from './index-memory.ts';
export { dataBlob, treeBlob } from '../format/index-file.ts';
export type BlobType = BlobTypeNumber;

const idWords = 8;
const packWord = 8;
const offsetWord = 9;
const lengthWord = 10;
const plainLengthWord = 11;

const entryCountAt = 0;
const packCountAt = 1;
const currentTableAt = 2;

/** Pack number of an entry that was claimed and is not yet in a finished pack. */
const pendingPack = 0x7fff_ffff;
/** Pack number of an entry that lost a race for its slot: nothing refers to it. */
const deadPack = 0x7fff_fffe;

export class IndexTable {
  readonly memory: IndexTableMemory;
  readonly #header: Int32Array;
  /**
   * Views of a fixed length, made anew when the memory behind them has grown: an access through a view that follows the length of its
   * buffer by itself costs twenty times as much (measured: 387 against 19 ns for filling an entry).
   */
  #entries: Uint32Array;
  #slots: Int32Array;
  readonly #tables: readonly SlotTable[];
  readonly #probe = new Uint32Array(idWords);
  readonly #probeBytes = new Uint8Array(this.#probe.buffer);

  private constructor(memory: IndexTableMemory) {
    this.memory = memory;
    this.#header = new Int32Array(memory.header);
    this.#entries = new Uint32Array(memory.entries, 0, memory.entries.byteLength >> 2);
    this.#slots = new Int32Array(memory.slots, 0, memory.slots.byteLength >> 2);
    this.#tables = tablesFor(memory.firstSlotCount);
  }

  /** A table sized for `expectedBlobs`; it grows beyond that by itself. */
  static create(expectedBlobs: number): IndexTable {
    return new IndexTable(reserveMemory(expectedBlobs));
  }

  static attach(memory: IndexTableMemory): IndexTable {
    return new IndexTable(memory);
  }

  /** Entries are numbered from 0 to this. Those that lost a race for their slot are among them: `packOf` gives -1 for them. */
  get entryCount(): number {
    return Atomics.load(this.#header, entryCountAt);
  }

  get packCount(): number {
    return Atomics.load(this.#header, packCountAt);
  }

  get committedBytes(): number {
    const { header, entries, packs, slots } = this.memory;
    return header.byteLength + entries.byteLength + packs.byteLength + slots.byteLength;
  }

  /** Numbers a pack. @param id 32 bytes */
  addPack(id: Uint8Array): number {
    const pack = Atomics.add(this.#header, packCountAt, 1);
    if (pack >= maxPacks) throw tooLarge('packs');
    commit(this.memory.packs, (pack + 1) * packIdBytes, packGrowthBytes);
    new Uint8Array(this.memory.packs, pack * packIdBytes, packIdBytes).set(id);
    return pack;
  }

  /** Adds a blob that lies in a pack; one that is known already gets a further entry behind the first. */
  insert(id: Uint8Array, type: BlobType, pack: number, offset: number, length: number, plainLength: number): number {
    this.#probeBytes.set(id);
    const entry = this.#newEntry(type, pack);
    this.#setLocation(entry, offset, length, plainLength);
    this.#publish(entry, undefined);
    return entry;
  }

  /**
   * Claims a blob for the caller, who then stores it and calls `assign`.
   * @returns the new entry, or minus one minus the entry that is there already
   */
  claim(id: Uint8Array, type: BlobType): number {
    this.#probeBytes.set(id);
    const known = this.#find(type);
    if (known >= 0) return -1 - known;
    const entry = this.#newEntry(type, pendingPack);
    const winner = this.#publish(entry, type);
    if (winner === entry) return entry;
    const at = this.#at(entry) + packWord;
    Atomics.store(this.#entries, at, deadPack);
    return -1 - winner;
  }

  /** Says where a claimed blob lies, once its pack is finished. */
  assign(entry: number, pack: number, offset: number, length: number, plainLength: number): void {
    this.#setLocation(entry, offset, length, plainLength);
    const at = this.#at(entry) + packWord;
    Atomics.store(this.#entries, at, (((this.#entries[at] ?? 0) & 0x8000_0000) | pack) >>> 0);
  }

  /** @returns the first entry of the blob, claimed ones included, or -1 */
  find(id: Uint8Array, type: BlobType): number {
    this.#probeBytes.set(id);
    return this.#find(type);
  }

  /** All entries of a blob: several where it is stored several times. */
  findAll(id: Uint8Array, type: BlobType): number[] {
    this.#probeBytes.set(id);
    const found: number[] = [];
    for (let table = 0; table <= this.#currentTable(); table++) this.#scan(table, type, (entry) => void found.push(entry));
    return found;
  }

  typeOf(entry: number): BlobType {
    return (this.#word(entry, packWord) >>> 31) as BlobType;
  }

  /** The pack's number, or -1 when the entry is dead or in no finished pack. */
  packOf(entry: number): number {
    // The place first, on its own: finding it may renew the view.
    const at = this.#at(entry) + packWord;
    const pack = Atomics.load(this.#entries, at) & 0x7fff_ffff;
    return pack >= deadPack ? -1 : pack;
  }

  offsetOf(entry: number): number {
    return this.#word(entry, offsetWord);
  }

  /** Stored length in bytes, nonce and MAC included. */
  lengthOf(entry: number): number {
    return this.#word(entry, lengthWord);
  }

  /** Length before compression, 0 where the blob is stored uncompressed. */
  plainLengthOf(entry: number): number {
    return this.#word(entry, plainLengthWord);
  }

  copyId(entry: number, target: Uint8Array): void {
    const from = entry * entryBytes;
    target.set(new Uint8Array(this.memory.entries, from, idWords * 4));
  }

  idHex(entry: number): string {
    return Buffer.from(this.memory.entries, entry * entryBytes, idWords * 4).toString('hex');
  }

  packIdHex(pack: number): string {
    return Buffer.from(this.memory.packs, pack * packIdBytes, packIdBytes).toString('hex');
  }

  #word(entry: number, word: number): number {
    const at = this.#at(entry) + word;
    return this.#entries[at] ?? 0;
  }

  /** Where the words of an entry begin; afterwards the view reaches that far. */
  #at(entry: number): number {
    const at = entry * entryWords;
    if (at + entryWords > this.#entries.length) {
      const { entries } = this.memory;
      this.#entries = new Uint32Array(entries, 0, entries.byteLength >> 2);
    }
    return at;
  }

  #currentTable(): number {
    return Atomics.load(this.#header, currentTableAt);
  }

  #newEntry(type: BlobType, pack: number): number {
    const entry = Atomics.add(this.#header, entryCountAt, 1);
    if (entry >= maxEntries) throw tooLarge('blobs');
    commit(this.memory.entries, (entry + 1) * entryBytes);
    this.#fill(entry, type, pack);
    return entry;
  }

  #fill(entry: number, type: BlobType, pack: number): void {
    const at = this.#at(entry);
    // A loop: `set` between two typed arrays costs several times as much for so few words.
    for (let word = 0; word < idWords; word++) this.#entries[at + word] = this.#probe[word] ?? 0;
    this.#entries[at + packWord] = ((type << 31) | pack) >>> 0;
  }

  #setLocation(entry: number, offset: number, length: number, plainLength: number): void {
    const at = this.#at(entry);
    this.#entries[at + offsetWord] = offset;
    this.#entries[at + lengthWord] = length;
    this.#entries[at + plainLengthWord] = plainLength;
  }

  #find(type: BlobType): number {
    for (let table = this.#currentTable(); table >= 0; table--) {
      const found = this.#scan(table, type, undefined);
      if (found >= 0) return found;
    }
    return -1;
  }

  /** Follows the probe's chain: to the first match, or through all of them when `each` is given. */
  #scan(table: number, type: BlobType, each: ((entry: number) => void) | undefined): number {
    const { start, size } = this.#table(table);
    let at = this.#home(size);
    for (;;) {
      const entry = Atomics.load(this.#slots, start + at) - 1;
      if (entry < 0) return -1;
      if (this.#matches(entry, type)) {
        if (each === undefined) return entry;
        each(entry);
      }
      at = at + 1 === size ? 0 : at + 1;
    }
  }

  /** Puts the entry into a free slot; with `unlessType` set, stops at an equal blob instead. @returns the entry that holds */
  #publish(entry: number, unlessType: BlobType | undefined): number {
    const { start, size } = this.#table(this.#tableFor(entry));
    let at = this.#home(size);
    for (;;) {
      const found = Atomics.compareExchange(this.#slots, start + at, 0, entry + 1) - 1;
      if (found < 0) return entry;
      if (unlessType !== undefined && this.#matches(found, unlessType)) return found;
      at = at + 1 === size ? 0 : at + 1;
    }
  }

  #home(size: number): number {
    return Math.floor(((this.#probe[0] ?? 0) / 0x1_0000_0000) * size);
  }

  #matches(entry: number, type: BlobType): boolean {
    const at = this.#at(entry);
    const entries = this.#entries;
    const probe = this.#probe;
    for (let word = 0; word < idWords; word++) if (entries[at + word] !== probe[word]) return false;
    return (entries[at + packWord] ?? 0) >>> 31 === type;
  }

  #table(table: number): SlotTable {
    const found = this.#tables[table];
    if (found === undefined) throw tooLarge('blobs');
    const { slots } = this.memory;
    if (found.start + found.size > this.#slots.length) this.#slots = new Int32Array(slots, 0, slots.byteLength >> 2);
    return found;
  }

  /**
   * The table that new entries go to, a larger one once the current one is full. Two threads may disagree for a
   * moment; then the same blob can be claimed twice and is stored twice, which the format allows.
   */
  #tableFor(entry: number): number {
    let current = this.#currentTable();
    while (entry >= (this.#tables[current]?.full ?? Infinity)) {
      const next = this.#table(current + 1);
      commit(this.memory.slots, (next.start + next.size) * 4);
      Atomics.compareExchange(this.#header, currentTableAt, current, current + 1);
      current = this.#currentTable();
    }
    return current;
  }
}
