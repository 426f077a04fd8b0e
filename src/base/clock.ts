/** Time and randomness are handed in, so that tests decide them. */
import { randomFillSync } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Nanoseconds since 1970-01-01T00:00:00Z. */
  nowNs(): bigint;
  /** Milliseconds from some fixed moment; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`, rejects with an AbortError when `signal` fires first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Randomness {
  /** Fills the array with unpredictable bytes. */
  fill(target: Uint8Array): void;
}

export const systemClock: Clock = {
  nowNs: () => BigInt(Date.now()) * 1_000_000n,
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { signal });
  },
};

export const systemRandomness: Randomness = {
  fill: (target) => {
    randomFillSync(target);
  },
};
