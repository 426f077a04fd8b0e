/**
 * Calls back at a pace, with the newest progress. Both a timer and the events themselves drive it:
 * a thread that works without a pause gives the timer no turn, and a stalled operation sends no events.
 */
import type { Clock } from '../../base/clock.ts';
import type { ProgressEvent } from '../../base/events.ts';

export interface TickerOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Nothing is shown before: what takes no time needs no progress. */
  readonly delayMs: number;
  show(event: ProgressEvent, elapsedMs: number): void;
}

export class Ticker implements Disposable {
  readonly #options: TickerOptions;
  readonly #startMs: number;
  readonly #timer: NodeJS.Timeout;
  #latest: ProgressEvent | undefined;
  #nextMs: number;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#startMs = options.clock.monotonicMs();
    this.#nextMs = this.#startMs + options.delayMs;
    this.#timer = setInterval(() => this.#tick(), options.intervalMs);
    this.#timer.unref();
  }

  update(event: ProgressEvent): void {
    this.#latest = event;
    this.#tick();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = this.#options.clock.monotonicMs();
    if (this.#latest === undefined || now < this.#nextMs) return;
    this.#nextMs = now + this.#options.intervalMs;
    this.#options.show(this.#latest, now - this.#startMs);
  }
}
