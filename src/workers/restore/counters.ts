/** What the workers of a restore have done, in shared memory: each adds to a row of its own, main sums the rows at any time. */
export const restoreCounter = {
  /** Everything that is selected: files, directories, all other kinds. Skipped files are not among them (restic's total_files). */
  total: 0,
  restored: 1,
  skipped: 2,
  deleted: 3,
  totalBytes: 4,
  restoredBytes: 5,
  skippedBytes: 6,
  /** Attributes that the file system of the target cannot hold. */
  unsupportedAttributes: 7,
  /** Files whose setuid and setgid bits were left out because their owner could not be set. */
  withheldPrivileges: 8,
} as const;

export type RestoreCounter = (typeof restoreCounter)[keyof typeof restoreCounter];

/** A row fills whole cache lines, so that two workers never write the same line. */
const rowLength = 16;
const bytesPerValue = 8;

export class RestoreCounters {
  readonly #values: Float64Array;

  private constructor(values: Float64Array) {
    this.#values = values;
  }

  static memoryFor(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(workers * rowLength * bytesPerValue);
  }

  static row(memory: SharedArrayBuffer, worker: number): RestoreCounters {
    return new RestoreCounters(new Float64Array(memory, worker * rowLength * bytesPerValue, rowLength));
  }

  add(counter: RestoreCounter, amount: number): void {
    this.#values[counter] = (this.#values[counter] ?? 0) + amount;
  }
}

/** The sum over all workers. */
export function sumRestoreCounter(memory: SharedArrayBuffer, counter: RestoreCounter): number {
  const values = new Float64Array(memory);
  let sum = 0;
  for (let at = counter; at < values.length; at += rowLength) sum += values[at] ?? 0;
  return sum;
}
