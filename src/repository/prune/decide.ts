/**
 * Decides what becomes of each pack, by restic's rules: packs that nobody needs go; packs with something unused, of both kinds of blobs,
 * with trees that are not compressed, or that are small are repacked as far as the limits ask for or allow it; the rest stays.
 *
 * Pure: facts in, decisions out.
 */
import { addTo, type PruneSums } from './statistics.ts';

export interface PruneLimits {
  /** How many bytes may stay unused, when so many are used. */
  readonly maxUnusedBytes: (usedBytes: number) => number;
  /** Repacking stops before it has read so much; Infinity for no limit. */
  readonly maxRepackBytes: number;
  /** Whole packs that are smaller are put together; undefined: what is small follows from the packs that there are. */
  readonly smallPackBytes: number | undefined;
  /** Leaves packs of data as they are unless nothing in them is needed: trees are what a cache keeps. */
  readonly repackCacheableOnly: boolean;
  /** Compresses what is not. */
  readonly repackUncompressed: boolean;
}

/** A pack that the storage has, and that an index knows. */
export interface PackFacts {
  /** Its number in the index. */
  readonly pack: number;
  readonly usedBlobs: number;
  /** Copies of used blobs that lie elsewhere too are among the unused. */
  readonly unusedBlobs: number;
  /** With the header of the pack. */
  readonly usedBytes: number;
  readonly unusedBytes: number;
  readonly type: 'data' | 'tree' | 'mixed';
  readonly hasUncompressed: boolean;
}

export interface RepackDecision {
  readonly pack: number;
  /** Blobs that are stored as they are get compressed. */
  readonly mustCompress: boolean;
  /** That are to be copied, with the header of the pack. */
  readonly usedBytes: number;
}

export interface PackDecisions {
  readonly remove: readonly number[];
  readonly repack: readonly RepackDecision[];
}

interface Candidate extends PackFacts {
  readonly mustCompress: boolean;
}

/** With fewer small packs than this, putting them together gains nothing, and the last small one would be repacked for ever. */
const minSmallPacks = 10;
/** Packs that are smaller count as small wherever they are, as in restic. */
const minPackBytes = 4 << 20;
/** Of a hundred packs the three smallest may be odd ones: the next tells what is usual in this repository. */
const usualPercentile = 3;

/**
 * @param sums have used, duplicate and unused blobs already; get the rest
 * @param version of the repository's format: 1 has no compression
 */
export function decidePacks(packs: Iterable<PackFacts>, limits: PruneLimits, sums: PruneSums, version: number): PackDecisions {
  const decision = new Decision(limits, sums, version);
  const all = [...packs];
  decision.look(all);
  return decision.repackWithinLimits();
}

class Decision {
  readonly #limits: PruneLimits;
  readonly #sums: PruneSums;
  readonly #version: number;
  readonly #remove: number[] = [];
  readonly #repack: RepackDecision[] = [];
  readonly #candidates: Candidate[] = [];
  #smallBytes = 0;

  constructor(limits: PruneLimits, sums: PruneSums, version: number) {
    this.#limits = limits;
    this.#sums = sums;
    this.#version = version;
  }

  look(packs: readonly PackFacts[]): void {
    this.#smallBytes = this.#limits.smallPackBytes ?? usualSmallBytes(packs);
    const small: Candidate[] = [];
    for (const pack of packs) this.#lookAt(pack, small);
    if (small.length < minSmallPacks) this.#sums.packs.keep += small.length;
    else this.#candidates.push(...small);
  }

  repackWithinLimits(): PackDecisions {
    const maxUnusedBytes = this.#limits.maxUnusedBytes(this.#sums.used.bytes);
    for (const pack of this.#candidates.sort((a, b) => this.#compare(a, b))) {
      if (this.#isWorthIt(pack, maxUnusedBytes)) this.#addRepack(pack);
      else this.#sums.packs.keep++;
    }
    this.#sums.packs.remove = this.#remove.length;
    this.#sums.packs.repack = this.#repack.length;
    if (this.#version < 2) this.#sums.uncompressedBytes = 0;
    return { remove: this.#remove, repack: this.#repack };
  }

  #lookAt(pack: PackFacts, small: Candidate[]): void {
    const { packs, remove } = this.#sums;
    const { repackCacheableOnly, repackUncompressed } = this.#limits;
    if (pack.hasUncompressed) this.#sums.uncompressedBytes += sizeOf(pack);
    const mustCompress = this.#version > 1 && pack.hasUncompressed && (pack.type === 'tree' || repackUncompressed);
    const isWhole = pack.unusedBlobs === 0;
    packs[pack.usedBlobs === 0 ? 'unused' : isWhole ? 'used' : 'partlyUsed']++;
    if (pack.usedBlobs === 0) {
      this.#remove.push(pack.pack);
      addTo(remove, pack.unusedBlobs, pack.unusedBytes);
    } else if (repackCacheableOnly && pack.type === 'data') packs.keep++;
    else if (!isWhole || pack.type === 'mixed' || mustCompress) this.#candidates.push({ ...pack, mustCompress });
    else if (sizeOf(pack) >= this.#smallBytes) packs.keep++;
    else small.push({ ...pack, mustCompress });
  }

  /** Trees first, then small packs, then by the share that is unused: where a limit ends the repacking, the most was gained. */
  #compare(a: Candidate, b: Candidate): number {
    const [rankA, rankB] = [this.#rank(a), this.#rank(b)];
    if (rankA !== rankB) return rankA - rankB;
    const gain = b.unusedBytes * a.usedBytes - a.unusedBytes * b.usedBytes;
    return gain === 0 ? a.pack - b.pack : gain;
  }

  #rank(pack: Candidate): number {
    if (pack.type !== 'data') return 0;
    return this.#isSmall(pack) ? 1 : 2;
  }

  #isSmall(pack: PackFacts): boolean {
    return sizeOf(pack) < this.#smallBytes;
  }

  #isWorthIt(pack: Candidate, maxUnusedBytes: number): boolean {
    if (this.#sums.repack.bytes + sizeOf(pack) >= this.#limits.maxRepackBytes) return false;
    if (pack.type !== 'data' || pack.mustCompress) return true;
    return this.#sums.remainingUnusedBytes >= maxUnusedBytes || this.#isSmall(pack);
  }

  #addRepack({ pack, mustCompress, ...facts }: Candidate): void {
    this.#repack.push({ pack, mustCompress, usedBytes: facts.usedBytes });
    addTo(this.#sums.repack, facts.usedBlobs + facts.unusedBlobs, facts.usedBytes + facts.unusedBytes);
    addTo(this.#sums.repackRemove, facts.unusedBlobs, facts.unusedBytes);
    // Blobs go over as they are, unless they must be compressed: only then is the pack no longer one of those that are not.
    if (mustCompress) this.#sums.uncompressedBytes -= facts.usedBytes + facts.unusedBytes;
  }
}

function sizeOf({ usedBytes, unusedBytes }: PackFacts): number {
  return usedBytes + unusedBytes;
}

/** Four fifths of what is usual: a repository without small packs has none repacked for their size. */
function usualSmallBytes(packs: readonly PackFacts[]): number {
  if (packs.length === 0) return 0;
  const sizes = Float64Array.from(packs, sizeOf).sort();
  const usual = sizes[Math.floor((packs.length * usualPercentile) / 100)] ?? 0;
  return Math.floor((Math.max(minPackBytes, usual) * 4) / 5);
}
