/** Trees of files that come out of a seed: for tests that need much, and need it again when one failed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pseudoRandomBytes } from './pseudo-random.ts';

/** Numbers that look random and follow from the seed (mulberry32): from 0 up to but not including 1. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed for this run. It is printed, and HOLDFAST_TEST_SEED repeats a run that failed. */
export function chooseSeed(report: (line: string) => void): number {
  const given = process.env['HOLDFAST_TEST_SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  report(`seed ${seed} (HOLDFAST_TEST_SEED=${seed} repeats it)`);
  return seed;
}

export interface GeneratedTree {
  readonly seed: number;
  readonly fileCount: number;
  /** Most files are much smaller than this, a few as large. */
  readonly maxFileBytes: number;
}

/** Half of each file compresses well, half not at all; about one in ten is like another. */
export function generateTree(folder: string, { seed, fileCount, maxFileBytes }: GeneratedTree): void {
  const random = randomNumbers(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  mkdirSync(folder, { recursive: true });
  let place = folder;
  for (let index = 0; index < fileCount; index++) {
    if (index % 50 === 0) {
      place = join(folder, `folder ${below(9)}`, `below ${below(9)}`);
      mkdirSync(place, { recursive: true });
    }
    // The fourth power makes small ones many.
    const sizeBytes = Math.floor(random() ** 4 * maxFileBytes);
    const contentSeed = random() < 0.1 ? 1 : seed + index;
    const noise = pseudoRandomBytes(Math.ceil(sizeBytes / 2), contentSeed);
    writeFileSync(join(place, `file ${index}`), Buffer.concat([noise, Buffer.alloc(sizeBytes - noise.length, `text ${contentSeed} `)]));
  }
}
