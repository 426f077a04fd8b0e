/** Says at intervals how far a restore is, and sums it up at the end, from the counters that the workers keep. */
import type { EventSink } from '../base/events.ts';
import { type RestoreCounter, restoreCounter, RestoreCounters, sumRestoreCounter } from '../workers/restore/counters.ts';

/** Ten a second: as often as a person can read, and as restic does. */
const intervalMs = 100;

export class RestoreProgress implements Disposable {
  /** Main's own row. */
  readonly main: RestoreCounters;
  readonly #memory: SharedArrayBuffer;
  readonly #events: EventSink;
  readonly #timer: NodeJS.Timeout;
  #failureCount = 0;

  constructor(workers: { readonly count: number; readonly counters: SharedArrayBuffer }, events: EventSink) {
    this.#memory = workers.counters;
    this.main = RestoreCounters.row(workers.counters, workers.count);
    this.#events = events;
    this.#timer = setInterval(() => this.#report(), intervalMs);
    this.#timer.unref();
  }

  get failureCount(): number {
    return this.#failureCount;
  }

  noteFailure(): void {
    this.#failureCount++;
  }

  sum(counter: RestoreCounter): number {
    return sumRestoreCounter(this.#memory, counter);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #report(): void {
    this.#events({
      kind: 'progress',
      operation: 'restore',
      filesDone: this.sum(restoreCounter.restored),
      filesTotal: this.sum(restoreCounter.total),
      bytesDone: this.sum(restoreCounter.restoredBytes),
      bytesTotal: this.sum(restoreCounter.totalBytes),
      errorCount: this.#failureCount,
      restored: {
        filesSkipped: this.sum(restoreCounter.skipped),
        bytesSkipped: this.sum(restoreCounter.skippedBytes),
        filesDeleted: this.sum(restoreCounter.deleted),
      },
    });
  }
}
