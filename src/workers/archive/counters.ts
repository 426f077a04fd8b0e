/**
 * What the workers have done, in shared memory: each worker adds to a row of its own, main sums the rows at any time.
 * No message and no lock is needed for progress.
 */
export const Counter = {
  filesNew: 0,
  filesChanged: 1,
  filesUnmodified: 2,
  dirsNew: 3,
  dirsChanged: 4,
  dirsUnmodified: 5,
  dataBlobs: 6,
  treeBlobs: 7,
  dataBytes: 8,
  treeBytes: 9,
  dataPackedBytes: 10,
  treePackedBytes: 11,
  /** Sizes of all files of the snapshot, unchanged ones too. */
  processedBytes: 12,
  /** The same while it grows, chunk by chunk: for progress within large files. */
  doneBytes: 13,
} as const;

export type CounterIndex = (typeof Counter)[keyof typeof Counter];

/** What became of a file, compared with the parent snapshot. */
export type FileChange = 'new' | 'modified' | 'unchanged';

export const fileCounters: Readonly<Record<FileChange, CounterIndex>> = {
  new: Counter.filesNew,
  modified: Counter.filesChanged,
  unchanged: Counter.filesUnmodified,
};

/** Bytes of data that were new, and what they take in the repository. */
export interface Added {
  readonly addedBytes: number;
  readonly addedPackedBytes: number;
}

/** A row fills whole cache lines, so that two workers never write the same line. */
const rowLength = 16;
const bytesPerValue = 8;

export class Counters {
  readonly #values: Float64Array;

  private constructor(values: Float64Array) {
    this.#values = values;
  }

  static memoryFor(rows: number): SharedArrayBuffer {
    return new SharedArrayBuffer(rows * rowLength * bytesPerValue);
  }

  static row(memory: SharedArrayBuffer, row: number): Counters {
    return new Counters(new Float64Array(memory, row * rowLength * bytesPerValue, rowLength));
  }

  add(counter: CounterIndex, amount: number): void {
    this.#values[counter] = (this.#values[counter] ?? 0) + amount;
  }

  get(counter: CounterIndex): number {
    return this.#values[counter] ?? 0;
  }

  /** A file that is in the snapshot now. */
  countFile(change: FileChange, sizeBytes: number): void {
    this.add(fileCounters[change], 1);
    this.add(Counter.processedBytes, sizeBytes);
  }

  /** What this row's owner has added so far, or since then. */
  dataAdded(before?: Added): Added {
    return {
      addedBytes: this.get(Counter.dataBytes) - (before?.addedBytes ?? 0),
      addedPackedBytes: this.get(Counter.dataPackedBytes) - (before?.addedPackedBytes ?? 0),
    };
  }
}

/** The sum over all rows. */
export function sumCounter(memory: SharedArrayBuffer, counter: CounterIndex): number {
  const values = new Float64Array(memory);
  let sum = 0;
  for (let at = counter; at < values.length; at += rowLength) sum += values[at] ?? 0;
  return sum;
}
