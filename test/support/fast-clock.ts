/** A clock that runs faster than time, the same in all processes that are told of it: so that locks get old while a test waits for it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';

export interface ClockSpeed {
  /** The real time, in milliseconds since 1970, at which the clock shows `shownMs`. */
  readonly realMs: number;
  readonly shownMs: number;
  /** Its seconds in one second. */
  readonly speed: number;
}

export class FastClock implements Clock {
  readonly #speed: ClockSpeed;

  constructor(speed: ClockSpeed) {
    this.#speed = speed;
  }

  nowNs(): bigint {
    const { realMs, shownMs, speed } = this.#speed;
    return BigInt(Math.floor(shownMs + (Date.now() - realMs) * speed)) * 1_000_000n;
  }

  monotonicMs(): number {
    return performance.now() * this.#speed.speed;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await delay(ms / this.#speed.speed, undefined, signal === undefined ? {} : { signal });
  }
}
