/** A clock that stands still until the test moves it. Sleepers wake in the order of their time. */
import type { Clock } from '../../src/base/clock.ts';

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  /** Of the machine being asleep: the wall clock went on, timers did not. */
  #asleepMs = 0;
  #sleepers: Sleeper[] = [];

  constructor(start = '2026-01-02T03:04:05Z') {
    this.#nowMs = Date.parse(start);
  }

  nowNs(): bigint {
    return BigInt(this.#nowMs + this.#asleepMs) * 1_000_000n;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(new DOMException('This operation was aborted', 'AbortError'));
      };
      const sleeper: Sleeper = {
        untilMs: this.#nowMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      if (signal?.aborted) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves the time on, sleeper by sleeper, and lets what they woke do its work (real input and output included) in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const next = this.#sleepers.toSorted((a, b) => a.untilMs - b.untilMs)[0];
      if (next === undefined || next.untilMs > endMs) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.untilMs);
      next.wake();
    }
    this.#nowMs = endMs;
  }

  /** The machine is suspended: afterwards the wall clock is later, and every timer has as far to go as before. */
  suspend(ms: number): void {
    this.#asleepMs += ms;
  }

  get sleeperCount(): number {
    return this.#sleepers.length;
  }
}

/** Turns of the event loop that a chain of calls on a backend in memory takes at most, with room to spare. */
const turnsToSettle = 20;

async function settle(): Promise<void> {
  for (let turn = 0; turn < turnsToSettle; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
