/** At most so many requests at once; the others wait for their turn in the order in which they came. */
import { cancellationOf, throwIfCancelled } from '../base/cancellation.ts';

export class RequestTurns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** @returns gives the turn back; may be called more than once. @throws HoldfastError `cancelled` */
  async take(signal?: AbortSignal): Promise<() => void> {
    throwIfCancelled(signal);
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(resolve);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      if (signal !== undefined) reject(cancellationOf(signal));
    };
    this.#waiting.push(resolve);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
