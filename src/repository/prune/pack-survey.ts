/**
 * What the packs of a repository hold and how much of it is needed, once it is known what snapshots use.
 *
 * Of a blob that lies in several places one copy counts as used: the one that `keeps` says. Copies in packs that are missing or have a
 * wrong size are never chosen while there is another.
 */
import { HoldfastError } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import { sealOverhead } from '../../crypto/sealer.ts';
import type { Backend } from '../../storage/backend.ts';
import { SharedBits } from '../../workers/check/check-memory.ts';
import { PackGroups } from '../../workers/check/pack-groups.ts';
import { dataBlob, type IndexTable } from '../../workers/index-table.ts';
import type { SurveyMemory } from '../../workers/prune/messages.ts';
import { type GroupedPacks, groupPacks } from '../check/group-packs.ts';
import type { PackFacts } from './decide.ts';
import type { PruneWorkers } from './prune-workers.ts';
import { addTo, PruneSums } from './statistics.ts';
import { surveyAll } from './survey-all.ts';
import type { Usage } from './usage.ts';

const notListed = -1;
const maxNamed = 10;
/** `copies` of a blob whose copy was chosen, and of one whose next copy is the last. Others are 2 and more. */
const chosen = 1;
const lastCopy = 0;

export interface SurveyOptions {
  readonly backend: Backend;
  readonly workers: PruneWorkers;
  readonly signal?: AbortSignal | undefined;
}

export class PackSurvey {
  readonly index: IndexTable;
  readonly grouped: GroupedPacks;
  readonly groups: PackGroups;
  readonly memory: SurveyMemory;
  /** Packs that no index knows. */
  readonly unreferenced: PackId[] = [];
  readonly sums = new PruneSums();
  readonly #usage: Usage;
  readonly #options: SurveyOptions;
  /** Per pack the bytes that the storage says it has. */
  readonly #storedBytes: Float64Array;
  readonly #fit: Uint8Array;
  readonly #needed: SharedBits;
  readonly #duplicate: SharedBits;
  readonly #kept: SharedBits;
  readonly #copies: Uint8Array;
  readonly #usedBlobs: Uint32Array;
  readonly #usedBytes: Float64Array;
  readonly #blobBytes: Float64Array;
  readonly #id = new Uint8Array(32);

  /** @throws HoldfastError `damaged` when a needed pack is missing or has a wrong size */
  static async run(usage: Usage, options: SurveyOptions): Promise<PackSurvey> {
    const survey = new PackSurvey(usage, options);
    await survey.#listPacks();
    await survey.#count();
    return survey;
  }

  private constructor(usage: Usage, options: SurveyOptions) {
    const { index } = usage;
    this.#usage = usage;
    this.#options = options;
    this.index = index;
    this.grouped = groupPacks({ index, files: usage.files });
    const { order, groups } = this.grouped;
    const bits = () => SharedBits.memoryFor(index.entryCount);
    const fitPacks = new SharedArrayBuffer(index.packCount);
    const copies = new SharedArrayBuffer(index.entryCount);
    this.memory = { order, groups, fitPacks, neededBits: bits(), duplicateBits: bits(), copies };
    this.groups = new PackGroups(index, this.memory);
    this.#storedBytes = new Float64Array(index.packCount).fill(notListed);
    this.#fit = new Uint8Array(fitPacks);
    this.#needed = new SharedBits(this.memory.neededBits);
    this.#duplicate = new SharedBits(this.memory.duplicateBits);
    this.#kept = new SharedBits(bits());
    this.#copies = new Uint8Array(copies);
    this.#usedBlobs = new Uint32Array(index.packCount);
    this.#usedBytes = new Float64Array(index.packCount);
    this.#blobBytes = new Float64Array(index.packCount);
  }

  /** Whether this entry is the copy of its blob that stays. */
  keeps(entry: number): boolean {
    return this.#kept.has(entry);
  }

  isDuplicate(entry: number): boolean {
    return this.#duplicate.has(entry);
  }

  isStored(pack: number): boolean {
    return this.#storedBytes[pack] !== notListed;
  }

  /** Of the packs that are stored. */
  *facts(): Generator<PackFacts> {
    for (const pack of this.grouped.groupOf.values()) if (this.isStored(pack)) yield this.#factsOf(pack);
  }

  /** Packs that are in an index and not in the storage. None of them is needed. */
  missing(): number[] {
    return [...this.grouped.groupOf.values()].filter((pack) => !this.isStored(pack));
  }

  #factsOf(pack: number): PackFacts {
    const entries = this.groups.entriesOf(pack);
    const usedBlobs = this.#usedBlobs[pack] ?? 0;
    const blobBytes = this.#blobBytes[pack] ?? 0;
    const usedBytes = this.#usedBytes[pack] ?? 0;
    const headerBytes = this.groups.expectedSize(pack) - blobBytes;
    return {
      pack,
      usedBlobs,
      unusedBlobs: entries.length - usedBlobs,
      usedBytes: usedBytes + headerBytes,
      unusedBytes: blobBytes - usedBytes,
      ...this.#kindOf(entries),
    };
  }

  #kindOf(entries: Uint32Array): Pick<PackFacts, 'type' | 'hasUncompressed'> {
    let hasData = false;
    let hasTrees = false;
    let hasUncompressed = false;
    for (const entry of entries) {
      if (this.index.typeOf(entry) === dataBlob) hasData = true;
      else hasTrees = true;
      // An empty blob cannot be marked as compressed.
      hasUncompressed ||= this.index.plainLengthOf(entry) === 0 && this.index.lengthOf(entry) > sealOverhead;
    }
    return { type: hasData && hasTrees ? 'mixed' : hasTrees ? 'tree' : 'data', hasUncompressed };
  }

  async #listPacks(): Promise<void> {
    const { backend, signal } = this.#options;
    for await (const { name, sizeBytes } of backend.list('pack', { signal })) {
      const pack = this.grouped.groupOf.get(name);
      if (pack === undefined) {
        this.unreferenced.push(name as PackId);
        this.sums.unreferencedBytes += sizeBytes;
        continue;
      }
      this.#storedBytes[pack] = sizeBytes;
      if (sizeBytes === this.groups.expectedSize(pack)) this.#fit[pack] = 1;
    }
    this.sums.packs.unreferenced = this.unreferenced.length;
  }

  async #count(): Promise<void> {
    const { workers } = this.#options;
    await workers.pool.setUp({ kind: 'begin', usage: this.#usage.memory, survey: this.memory });
    const furtherCopies = await surveyAll(workers, this, { step: 'count' });
    if (furtherCopies > 0) await surveyAll(workers, this, { step: 'flag' });
    const unfit = this.#tally();
    if (unfit.length > 0) throw this.#unfitPacks(unfit);
    if (furtherCopies > 0) this.#chooseCopies();
  }

  /** Counts what each pack has, duplicates as unused. @returns packs whose needed blobs have no better copy */
  #tally(): number[] {
    const unfit: number[] = [];
    for (const pack of this.grouped.groupOf.values()) {
      let lostCount = 0;
      for (const entry of this.groups.entriesOf(pack)) {
        const bytes = this.index.lengthOf(entry);
        this.#blobBytes[pack] = (this.#blobBytes[pack] ?? 0) + bytes;
        if (!this.#needed.has(entry)) addTo(this.sums.unused, 1, bytes);
        else if (this.#fit[pack] !== 1) {
          addTo(this.sums.duplicate, 1, bytes);
          if (this.#copies[this.#firstOf(entry)] === 0) lostCount++;
        } else if (this.#duplicate.has(entry)) addTo(this.sums.duplicate, 1, bytes);
        else {
          addTo(this.sums.used, 1, bytes);
          this.#keep(pack, entry, bytes);
        }
      }
      if (lostCount > 0) unfit.push(pack);
    }
    return unfit;
  }

  #keep(pack: number, entry: number, bytes: number): void {
    this.#kept.add(entry);
    this.#usedBlobs[pack] = (this.#usedBlobs[pack] ?? 0) + 1;
    this.#usedBytes[pack] = (this.#usedBytes[pack] ?? 0) + bytes;
  }

  /**
   * Of each blob with several copies one is kept: in a pack that has other used blobs; or in one that has nothing but such copies, for
   * that is what an interrupted prune leaves behind, and its work shall not be lost; else the last one. As restic chooses.
   */
  #chooseCopies(): void {
    for (const pack of this.grouped.groupOf.values()) {
      if (this.#fit[pack] !== 1) continue;
      const entries = this.groups.entriesOf(pack);
      const hasOnlyCopies = entries.every((entry) => this.#duplicate.has(entry));
      for (const entry of entries) {
        if (!this.#duplicate.has(entry)) continue;
        const first = this.#firstOf(entry);
        const left = this.#copies[first] ?? chosen;
        if (left === chosen) continue;
        if ((this.#usedBlobs[pack] ?? 0) > 0 || hasOnlyCopies || left === lastCopy) this.#choose(pack, entry, first);
        // 1 says that a copy was chosen: so before the last one it goes from 2 to 0.
        else this.#copies[first] = left === 2 ? lastCopy : left - 1;
      }
    }
  }

  #choose(pack: number, entry: number, first: number): void {
    const bytes = this.index.lengthOf(entry);
    this.#copies[first] = chosen;
    this.#keep(pack, entry, bytes);
    addTo(this.sums.used, 1, bytes);
    addTo(this.sums.duplicate, -1, -bytes);
  }

  #firstOf(entry: number): number {
    this.index.copyId(entry, this.#id);
    return this.index.find(this.#id, this.index.typeOf(entry));
  }

  #unfitPacks(packs: readonly number[]): HoldfastError {
    const named = packs.slice(0, maxNamed).map((pack) => this.#describeUnfit(pack));
    const more = packs.length > maxNamed ? ` and ${packs.length - maxNamed} more` : '';
    return new HoldfastError('damaged', `packs with blobs that snapshots use are not what the index says: ${named.join(', ')}${more}`, {
      hint: 'Nothing was removed. Run `holdfast repair index`, then `holdfast check` to see what is lost.',
      context: { pack: this.index.packIdHex(packs[0] ?? 0), packCount: packs.length },
    });
  }

  #describeUnfit(pack: number): string {
    const id = this.index.packIdHex(pack);
    const stored = this.#storedBytes[pack] ?? notListed;
    return stored === notListed ? `${id} is missing` : `${id} has ${stored} bytes instead of ${this.groups.expectedSize(pack)}`;
  }
}
