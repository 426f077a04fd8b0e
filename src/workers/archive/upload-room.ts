/**
 * How much is staged and not yet taken over by a storage that is far away: workers wait before a slow link lets them fill the disk.
 * Counted in KiB in an Int32 that all threads share. Main, which sends the packs, never waits here.
 */
import type { FinishedPack } from './messages.ts';

const unitBytes = 1024;
/** How often a worker that waits looks whether the backup has ended. */
const lookMs = 250;

/** Some seconds of work of a fast machine, and minutes of a slow link. */
const leastStagedBytes = 256 << 20;
/** With packs of the largest size, workers must still be able to finish theirs while others are sent. */
const leastStagedPacks = 8;

export function maxStagedBytes(packSizeBytes: number): number {
  return Math.max(leastStagedBytes, leastStagedPacks * packSizeBytes);
}

export class UploadRoom {
  readonly #staged: Int32Array;
  readonly #maxUnits: number;

  constructor(memory: SharedArrayBuffer, maxBytes: number) {
    this.#staged = new Int32Array(memory);
    this.#maxUnits = Math.ceil(maxBytes / unitBytes);
  }

  /** Called before main hears of the pack. */
  add({ sizeBytes }: FinishedPack): void {
    Atomics.add(this.#staged, 0, Math.ceil(sizeBytes / unitBytes));
  }

  /** Called by main when the pack is no longer staged, or never will be taken over. */
  remove({ sizeBytes }: FinishedPack): void {
    Atomics.sub(this.#staged, 0, Math.ceil(sizeBytes / unitBytes));
    Atomics.notify(this.#staged, 0);
  }

  /** Blocks the thread until there is room again, or the backup has ended. */
  wait(isStopped: () => boolean): void {
    for (let staged = Atomics.load(this.#staged, 0); staged > this.#maxUnits && !isStopped(); staged = Atomics.load(this.#staged, 0)) {
      Atomics.wait(this.#staged, 0, staged, lookMs);
    }
  }
}
