/** Says ten times a second how far a copy is: trees while it finds out what is needed, then blobs. */
import type { EventSink } from '../../base/events.ts';
import { Counter, sumCounter } from '../../workers/archive/counters.ts';
import type { CopyPlan, CopyPlanner } from './copy-plan.ts';

const intervalMs = 100;

export class CopyProgress implements Disposable {
  readonly #timer: NodeJS.Timeout;
  readonly #events: EventSink;
  readonly #counters: SharedArrayBuffer;
  readonly #planner: CopyPlanner;
  readonly #errorCount: () => number;
  #plan: CopyPlan | undefined;

  constructor(events: EventSink, counters: SharedArrayBuffer, planner: CopyPlanner, errorCount: () => number) {
    this.#events = events;
    this.#counters = counters;
    this.#planner = planner;
    this.#errorCount = errorCount;
    this.#timer = setInterval(() => this.#tell(), intervalMs);
  }

  /** From now on it is blobs. */
  begin(plan: CopyPlan): void {
    this.#plan = plan;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const errorCount = this.#errorCount();
    if (this.#plan === undefined) {
      this.#events({ kind: 'progress', operation: 'trees', filesDone: this.#planner.treeCount, bytesDone: 0, errorCount });
      return;
    }
    this.#events({
      kind: 'progress',
      operation: 'copy',
      filesDone: sumCounter(this.#counters, Counter.dataBlobs) + sumCounter(this.#counters, Counter.treeBlobs),
      filesTotal: this.#plan.blobCount,
      bytesDone: sumCounter(this.#counters, Counter.doneBytes),
      bytesTotal: this.#plan.sizeBytes,
      errorCount,
    });
  }
}
