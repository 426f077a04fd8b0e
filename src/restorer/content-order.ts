/** Puts the blobs of a plan into the order in which they lie in packs, and cuts that into runs that are read at once. */
import type { IndexTable } from '../workers/index-table.ts';
import { blobIsThere, blobWord, fileFlag, fileWord, type RestorePlan } from '../workers/restore/plan/restore-plan.ts';

export interface PackRun {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  /** Rows of the plan's blobs, those of the same content side by side. */
  readonly blobs: Uint32Array;
}

export interface RunLimits {
  /** Bytes of a pack that are read at once; a single blob may be longer. */
  readonly maxBytes: number;
  /** Unwanted bytes that are read along rather than begin another run. */
  readonly maxGapBytes: number;
  /** Bytes that one run writes, roughly: a run is the unit that workers share out, and the time until a stop is noticed. */
  readonly maxWrittenBytes: number;
}

/** Runs in the order in which their packs are first met in the plan, which is about that of the files. */
export function* contentRuns(plan: RestorePlan, index: IndexTable, limits: RunLimits): Generator<PackRun> {
  const { rows, ends } = groupByPack(plan, index);
  let start = 0;
  for (const end of ends) {
    const group = rows.subarray(start, end);
    sortByPlace(group, plan, index);
    yield* cutRuns(group, plan, index, limits);
    start = end;
  }
}

const withoutContent = fileFlag.failed | fileFlag.link | fileFlag.trusted;

function isWanted(plan: RestorePlan, row: number): boolean {
  const file = plan.blobs.get(row, blobWord.file);
  return file < blobIsThere && (plan.files.get(file, fileWord.flags) & withoutContent) === 0;
}

/** A counting sort: two passes over the blobs, and one number for each. */
function groupByPack(plan: RestorePlan, index: IndexTable): { readonly rows: Uint32Array; readonly ends: readonly number[] } {
  const total = plan.blobs.count;
  const counts = new Uint32Array(index.packCount);
  const packs: number[] = [];
  let wanted = 0;
  for (let row = 0; row < total; row++) {
    if (!isWanted(plan, row)) continue;
    const pack = packOfRow(plan, index, row);
    if (counts[pack] === 0) packs.push(pack);
    counts[pack] = (counts[pack] ?? 0) + 1;
    wanted++;
  }
  const next = startsOf(packs, counts);
  const rows = new Uint32Array(wanted);
  for (let row = 0; row < total; row++) {
    if (!isWanted(plan, row)) continue;
    const pack = packOfRow(plan, index, row);
    const at = next[pack] ?? 0;
    rows[at] = row;
    next[pack] = at + 1;
  }
  return { rows, ends: packs.map((pack) => next[pack] ?? 0) };
}

function startsOf(packs: readonly number[], counts: Uint32Array): Uint32Array {
  const starts = new Uint32Array(counts.length);
  let start = 0;
  for (const pack of packs) {
    starts[pack] = start;
    start += counts[pack] ?? 0;
  }
  return starts;
}

function packOfRow(plan: RestorePlan, index: IndexTable, row: number): number {
  return index.packOf(plan.blobs.get(row, blobWord.entry));
}

/** Offset and position fit into one float up to this many rows: offsets have 32 bits, whole floats 53. */
const maxFastRows = 2 ** 21;

/** By offset in the pack, then as they were. Sorting plain numbers needs no comparison in JavaScript. */
function sortByPlace(rows: Uint32Array, plan: RestorePlan, index: IndexTable): void {
  const offsetOf = (row: number): number => index.offsetOf(plan.blobs.get(row, blobWord.entry));
  if (rows.length > maxFastRows) {
    rows.sort((a, b) => offsetOf(a) - offsetOf(b) || a - b);
    return;
  }
  const keys = new Float64Array(rows.length);
  rows.forEach((row, position) => {
    keys[position] = offsetOf(row) * maxFastRows + position;
  });
  keys.sort();
  rows.set(Uint32Array.from(keys, (key) => rows[key % maxFastRows] ?? 0));
}

function* cutRuns(rows: Uint32Array, plan: RestorePlan, index: IndexTable, limits: RunLimits): Generator<PackRun> {
  const run = new RunInMaking(plan, index, limits);
  let first = 0;
  for (let at = 0; at < rows.length; at++) {
    if (run.takes(rows[at] ?? 0)) continue;
    yield run.finish(rows.slice(first, at));
    first = at;
    run.takes(rows[at] ?? 0);
  }
  if (first < rows.length) yield run.finish(rows.slice(first));
}

class RunInMaking {
  readonly #plan: RestorePlan;
  readonly #index: IndexTable;
  readonly #limits: RunLimits;
  #isEmpty = true;
  #pack = 0;
  #start = 0;
  #end = 0;
  #writtenBytes = 0;

  constructor(plan: RestorePlan, index: IndexTable, limits: RunLimits) {
    this.#plan = plan;
    this.#index = index;
    this.#limits = limits;
  }

  /** @returns false when the row begins a run of its own */
  takes(row: number): boolean {
    const entry = this.#plan.blobs.get(row, blobWord.entry);
    const offset = this.#index.offsetOf(entry);
    const end = offset + this.#index.lengthOf(entry);
    if (!this.#isEmpty && !this.#hasRoom(offset, end)) return false;
    if (this.#isEmpty) {
      this.#pack = this.#index.packOf(entry);
      this.#start = offset;
      this.#end = end;
    }
    this.#isEmpty = false;
    this.#end = Math.max(this.#end, end);
    this.#writtenBytes += this.#index.plainLengthOf(entry) || end - offset;
    return true;
  }

  finish(blobs: Uint32Array): PackRun {
    const run = { pack: this.#pack, offset: this.#start, length: this.#end - this.#start, blobs };
    this.#isEmpty = true;
    this.#writtenBytes = 0;
    return run;
  }

  #hasRoom(offset: number, end: number): boolean {
    const { maxBytes, maxGapBytes, maxWrittenBytes } = this.#limits;
    return end - this.#start <= maxBytes && offset - this.#end <= maxGapBytes && this.#writtenBytes < maxWrittenBytes;
  }
}
