/**
 * Sorts the entries of the index by pack, in shared memory. A pack that several index files name has several numbers in the
 * index; the lowest of them stands for the whole group.
 */
import type { IndexId } from '../../base/ids.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import { groupWords } from '../../workers/check/pack-groups.ts';
import type { LoadedIndex } from './check-index.ts';

export interface GroupedPacks {
  readonly order: SharedArrayBuffer;
  readonly groups: SharedArrayBuffer;
  /** Group of each pack, by its id. Packs without blobs are left out. */
  readonly groupOf: ReadonlyMap<string, number>;
  /** Entries that are in `order`: those that repeat another in all its words are not. */
  readonly entryCount: number;
  readonly repeated: readonly RepeatedPack[];
}

/** A pack that is in several index files, or twice in one. */
export interface RepeatedPack {
  readonly group: number;
  readonly indexes: readonly IndexId[];
  /** Whether all of them say the same of it. */
  readonly isConsistent: boolean;
}

/** @param ignored numbers of packs that are left out with their entries */
export function groupPacks({ index, files }: LoadedIndex, ignored: ReadonlySet<number> = new Set()): GroupedPacks {
  return new Grouping(index, files, ignored).run();
}

/** In the place of a group's number: the pack is left out. */
const noGroup = 0xffff_ffff;

class Grouping {
  readonly #index: IndexTable;
  readonly #files: ReadonlyMap<IndexId, Uint32Array>;
  readonly #groupOf = new Map<string, number>();
  /** Group of each pack number. */
  readonly #canonical: Uint32Array;
  readonly #order: Uint32Array;
  readonly #groups: Uint32Array;
  readonly #repeated = new Map<number, number[]>();
  readonly #ignored: ReadonlySet<number>;

  constructor(index: IndexTable, files: ReadonlyMap<IndexId, Uint32Array>, ignored: ReadonlySet<number>) {
    this.#index = index;
    this.#files = files;
    this.#ignored = ignored;
    this.#canonical = new Uint32Array(index.packCount);
    this.#order = new Uint32Array(new SharedArrayBuffer(index.entryCount * 4));
    this.#groups = new Uint32Array(new SharedArrayBuffer(index.packCount * groupWords * 4));
  }

  run(): GroupedPacks {
    this.#findGroups();
    this.#sortByGroup();
    const repeated: RepeatedPack[] = [];
    let entryCount = 0;
    for (const [id, group] of this.#groupOf) {
      const entries = this.#entriesOf(group);
      this.#sortByOffset(entries);
      const packs = this.#repeated.get(group);
      if (packs !== undefined) {
        repeated.push({ group, indexes: this.#indexesOf(packs), isConsistent: this.#isConsistent(packs, entries) });
        this.#groups[group * groupWords + 1] = this.#dropRepeated(entries);
      }
      entryCount += this.#entriesOf(group).length;
      if (entries.length === 0) this.#groupOf.delete(id);
    }
    const order = this.#order.buffer as SharedArrayBuffer;
    return { order, groups: this.#groups.buffer as SharedArrayBuffer, groupOf: this.#groupOf, entryCount, repeated };
  }

  #findGroups(): void {
    for (let pack = 0; pack < this.#canonical.length; pack++) {
      if (this.#ignored.has(pack)) {
        this.#canonical[pack] = noGroup;
        continue;
      }
      const id = this.#index.packIdHex(pack);
      const group = this.#groupOf.get(id) ?? pack;
      this.#canonical[pack] = group;
      if (group === pack) this.#groupOf.set(id, pack);
      else this.#repeated.set(group, [...(this.#repeated.get(group) ?? [group]), pack]);
    }
  }

  /** A counting sort: how many entries each group has, where each begins, and then each entry to its place. */
  #sortByGroup(): void {
    const index = this.#index;
    const groups = this.#groups;
    for (let entry = 0; entry < index.entryCount; entry++) {
      const at = this.#groupAt(entry) + 1;
      if (at > 0) groups[at] = (groups[at] ?? 0) + 1;
    }
    let start = 0;
    for (let at = 0; at < groups.length; at += groupWords) {
      groups[at] = start;
      start += groups[at + 1] ?? 0;
      groups[at + 1] = 0;
    }
    for (let entry = 0; entry < index.entryCount; entry++) {
      const at = this.#groupAt(entry);
      if (at < 0) continue;
      const count = groups[at + 1] ?? 0;
      this.#order[(groups[at] ?? 0) + count] = entry;
      groups[at + 1] = count + 1;
    }
  }

  /** Where the numbers of the entry's group stand; -1 for one that is left out, or in no finished pack. */
  #groupAt(entry: number): number {
    const group = this.#canonical[this.#index.packOf(entry)] ?? noGroup;
    return group === noGroup ? -1 : group * groupWords;
  }

  #entriesOf(group: number): Uint32Array {
    const start = this.#groups[group * groupWords] ?? 0;
    return this.#order.subarray(start, start + (this.#groups[group * groupWords + 1] ?? 0));
  }

  #sortByOffset(entries: Uint32Array): void {
    const index = this.#index;
    let previous = -1;
    for (const entry of entries) {
      const offset = index.offsetOf(entry);
      // Writers list the blobs of a pack in order, so nearly always there is nothing to do.
      if (offset < previous) return void entries.sort((a, b) => index.offsetOf(a) - index.offsetOf(b) || a - b);
      previous = offset;
    }
  }

  #indexesOf(packs: readonly number[]): IndexId[] {
    const wanted = new Set(packs);
    return [...this.#files].flatMap(([id, packsOfFile]) => (packsOfFile.some((pack) => wanted.has(pack)) ? [id] : []));
  }

  #isConsistent(packs: readonly number[], entries: Uint32Array): boolean {
    const versions = new Map<number, string[]>(packs.map((pack) => [pack, []]));
    for (const entry of entries) versions.get(this.#index.packOf(entry))?.push(this.#describe(entry));
    return new Set([...versions.values()].map((blobs) => blobs.sort().join())).size === 1;
  }

  /** Moves the different entries to the front and counts them. */
  #dropRepeated(entries: Uint32Array): number {
    const seen = new Set<string>();
    let count = 0;
    for (const entry of entries) {
      const description = this.#describe(entry);
      if (seen.has(description)) continue;
      seen.add(description);
      entries[count++] = entry;
    }
    return count;
  }

  #describe(entry: number): string {
    const index = this.#index;
    return `${index.typeOf(entry)} ${index.idHex(entry)} ${index.offsetOf(entry)} ${index.lengthOf(entry)} ${index.plainLengthOf(entry)}`;
  }
}
