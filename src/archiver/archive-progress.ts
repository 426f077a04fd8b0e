import type { EventSink } from '../base/events.ts';
import type { Totals } from './size-estimate.ts';
import { Counter, sumCounter } from '../workers/archive/counters.ts';

/** Ten a second: as often as a person can read, and as restic does. */
const intervalMs = 100;

/** Says at intervals how far a backup is, from the counters that the workers keep. */
export class ArchiveProgress implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(counters: SharedArrayBuffer, events: EventSink, errorCount: () => number, totals: () => Totals | undefined) {
    this.#timer = setInterval(() => {
      const filesDone =
        sumCounter(counters, Counter.filesNew) + sumCounter(counters, Counter.filesChanged) + sumCounter(counters, Counter.filesUnmodified);
      events({
        kind: 'progress',
        operation: 'backup',
        filesDone,
        bytesDone: sumCounter(counters, Counter.doneBytes),
        errorCount: errorCount(),
        ...totals(),
      });
    }, intervalMs);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
