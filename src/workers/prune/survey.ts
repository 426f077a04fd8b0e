/**
 * Looks at all entries of the index after the walk over the trees, each thread at some packs of its own.
 *
 * count: marks the entries whose blob is used, and counts in how many places of fit packs each blob lies. flag: marks those that lie
 * there more than once. prove: counts used blobs of which no copy lies in a pack that stays; the last look before anything is removed.
 */
import { SharedBits } from '../check/check-memory.ts';
import { PackGroups } from '../check/pack-groups.ts';
import type { IndexTable } from '../index-table.ts';
import { maxCopies, type SurveyMemory, type SurveyRequest, type UsageMemory } from './messages.ts';

export class Survey {
  readonly #index: IndexTable;
  readonly #groups: PackGroups;
  readonly #used: SharedBits;
  readonly #needed: SharedBits;
  readonly #duplicate: SharedBits;
  readonly #copies: Uint8Array;
  readonly #fit: Uint8Array;
  readonly #id = new Uint8Array(32);

  constructor(index: IndexTable, usage: UsageMemory, memory: SurveyMemory) {
    this.#index = index;
    this.#groups = new PackGroups(index, memory);
    this.#used = new SharedBits(usage.usedBits);
    this.#needed = new SharedBits(memory.neededBits);
    this.#duplicate = new SharedBits(memory.duplicateBits);
    this.#copies = new Uint8Array(memory.copies);
    this.#fit = new Uint8Array(memory.fitPacks);
  }

  /** @returns see SurveyResponse */
  run({ step, start, end, staying }: SurveyRequest): number {
    const stays = new Uint8Array(staying ?? new SharedArrayBuffer(0));
    let found = 0;
    for (let pack = start; pack < end; pack++) {
      const isFit = this.#fit[pack] === 1;
      for (const entry of this.#groups.entriesOf(pack)) {
        if (step === 'count') found += this.#count(entry, isFit);
        else if (step === 'flag') found += this.#flag(entry, isFit);
        else found += this.#isLost(entry, stays) ? 1 : 0;
      }
    }
    return found;
  }

  #count(entry: number, isFit: boolean): number {
    const first = this.#firstOf(entry);
    if (!this.#used.has(first)) return 0;
    this.#needed.add(entry);
    if (!isFit || Atomics.load(this.#copies, first) >= maxCopies) return 0;
    return Atomics.add(this.#copies, first, 1) > 0 ? 1 : 0;
  }

  #flag(entry: number, isFit: boolean): number {
    if (!isFit || !this.#needed.has(entry) || (this.#copies[this.#firstOf(entry)] ?? 0) < 2) return 0;
    this.#duplicate.add(entry);
    return 1;
  }

  #isLost(entry: number, stays: Uint8Array): boolean {
    if (!this.#needed.has(entry) || stays[this.#index.packOf(entry)] === 1) return false;
    this.#index.copyId(entry, this.#id);
    const copies = this.#index.findAll(this.#id, this.#index.typeOf(entry));
    return !copies.some((copy) => stays[this.#index.packOf(copy)] === 1);
  }

  #firstOf(entry: number): number {
    this.#index.copyId(entry, this.#id);
    return this.#index.find(this.#id, this.#index.typeOf(entry));
  }
}
