/**
 * Decides which calls of the file system may block the thread.
 *
 * What the system has in memory comes in some 5 µs for each call, while the way through Node's thread pool and back takes ten times as
 * long: ten thousand snapshots would take seconds. But a disk that has to seek, or a server that does not answer, must not hold up
 * everything else. So calls block for a short while only, then others get their turn, and after some slow ones for a long while no more.
 */

/** Then timers, signals and other operations get their turn: as long as a picture of a screen stands. */
const burstMs = 16;
/** Calls that take so long on average have no answer from memory: a seek takes 5 ms, a server in the next room 0.3 ms for each of several steps. */
const slowMs = 1;
/** More is not counted for one call: the system may have taken the processor away for a while. */
const longestMs = 4;
/** Share of the last call in the average. */
const lastShare = 0.1;
/** Calls that go through the pool when they were slow, before others may block. */
const callsAfterSlow = 200;

export class BriefBlocking {
  #untilMs = 0;
  #averageMs = 0;
  #waitCalls = 0;
  #turn: Promise<void> | undefined;

  /** Whether the next call may block; waits until whoever else waits had a turn. False: make it go through the pool. */
  async isNext(): Promise<boolean> {
    if (this.#waitCalls > 0) {
      this.#waitCalls -= 1;
      return false;
    }
    if (performance.now() >= this.#untilMs) await this.#giveTurn();
    return this.#waitCalls === 0;
  }

  /** Makes a call that blocks. */
  run<T>(call: () => T): T {
    const startMs = performance.now();
    try {
      return call();
    } finally {
      const tookMs = Math.min(longestMs, performance.now() - startMs);
      this.#averageMs += lastShare * (tookMs - this.#averageMs);
      if (this.#averageMs > slowMs) this.#stop();
    }
  }

  /** One turn for all that wait for it. */
  #giveTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        this.#untilMs = performance.now() + burstMs;
        resolve();
      });
    });
    return this.#turn;
  }

  #stop(): void {
    this.#averageMs = 0;
    this.#waitCalls = callsAfterSlow;
  }
}

/** One for the process, because it has one event loop in this thread. */
export const briefBlocking = new BriefBlocking();
