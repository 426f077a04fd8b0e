/**
 * Repeats calls that failed in a way that may pass: a server that restarts, a network that breaks off.
 *
 * The contract makes that safe: a name is a digest of content, so a save whose answer was lost and that took place is repeated into the same
 * file, and a removal into none. A config has no such name; an adapter must recognise its own when it is refused. Errors that
 * do not say that they may pass end a call at once. The time that a call may spend is bounded from its first failure on.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import type { Clock, Randomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type {
  AdoptOptions,
  Backend,
  CallOptions,
  FileKind,
  ListedFile,
  ListOptions,
  LoadOptions,
  SaveOptions,
  StoredFile,
} from '../backend.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';

export interface RetryOptions {
  /** How long one call may be repeated. 0: never. */
  readonly budgetMs: number;
  readonly clock: Clock;
  readonly random: Randomness;
  readonly events: EventSink;
}

/** As restic. */
export const defaultRetryBudgetMs = 15 * 60_000;
/** Until the storage has answered once, a mistake in its address is more likely than a failure that passes. */
const unprovedBudgetMs = 60_000;
const firstDelayMs = 500;
const maxDelayMs = 60_000;
/** Many calls fail at once when a storage is gone; a person needs one line now and then. */
const quietMs = 10_000;

export class RetryBackend extends ForwardingBackend {
  readonly #options: RetryOptions;
  #hasAnswered = false;
  #toldMs = Number.NEGATIVE_INFINITY;
  #isTold = false;

  constructor(inner: Backend, options: RetryOptions) {
    super(inner);
    this.#options = options;
  }

  override create(options?: CallOptions): Promise<void> {
    return this.#repeat(options, () => super.create(options));
  }

  override open(options?: CallOptions): Promise<void> {
    return this.#repeat(options, () => super.open(options));
  }

  override save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    return this.#repeat(options, () => super.save(file, bytes, options));
  }

  override adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void> {
    return this.#repeat(options, () => super.adopt(file, stagedPath, options));
  }

  override load(file: StoredFile, options?: LoadOptions): Promise<Buffer> {
    return this.#repeat(options, () => super.load(file, options));
  }

  override stat(file: StoredFile, options?: CallOptions): Promise<{ readonly sizeBytes: number }> {
    return this.#repeat(options, () => super.stat(file, options));
  }

  override exists(file: StoredFile, options?: CallOptions): Promise<boolean> {
    return this.#repeat(options, () => super.exists(file, options));
  }

  override remove(file: StoredFile, options?: CallOptions): Promise<void> {
    return this.#repeat(options, () => super.remove(file, options));
  }

  /** A list that breaks off is begun again, and goes on with what was not named yet. */
  override async *list(kind: FileKind, options?: ListOptions): AsyncGenerator<ListedFile> {
    const named = new Set<string>();
    let listing = super.list(kind, options)[Symbol.asyncIterator]();
    let isBroken = false;
    const next = async (): Promise<ListedFile | undefined> => {
      if (isBroken) listing = super.list(kind, options)[Symbol.asyncIterator]();
      isBroken = true;
      for (let step = await listing.next(); ; step = await listing.next()) {
        if (step.done !== true && named.has(step.value.name)) continue;
        isBroken = false;
        return step.done === true ? undefined : step.value;
      }
    };
    try {
      for (let file = await this.#repeat(options, next); file !== undefined; file = await this.#repeat(options, next)) {
        named.add(file.name);
        yield file;
      }
    } finally {
      await listing.return?.();
    }
  }

  async #repeat<T>(options: CallOptions | undefined, call: () => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    let firstFailureMs: number | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await call();
        this.#noteSuccess();
        return result;
      } catch (thrown) {
        const error = asHoldfastError(thrown);
        // Where an answer came, the storage is there: only that counts for the time that may be spent.
        if (error.code !== 'storage-failed' && error.code !== 'cancelled') this.#noteSuccess();
        firstFailureMs ??= clock.monotonicMs();
        const delayMs = this.#delayAfter(error, attempt, firstFailureMs);
        if (delayMs === undefined) throw attempt === 1 ? error : afterTries(error, attempt);
        await this.#wait(error, delayMs, options?.signal);
      }
    }
  }

  /** Undefined when it is not to be tried again. */
  #delayAfter(error: HoldfastError, attempt: number, firstFailureMs: number): number | undefined {
    if (!error.isRetryable) return undefined;
    const { budgetMs, clock, random } = this.#options;
    const allowedMs = this.#hasAnswered || 'status' in error.context ? budgetMs : Math.min(budgetMs, unprovedBudgetMs);
    const leftMs = allowedMs - (clock.monotonicMs() - firstFailureMs);
    const grownMs = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
    // Between half and the whole: clients that failed together come back one after the other.
    const ownMs = grownMs * (0.5 + drawShare(random) / 2);
    const asked = error.context['retryAfterMs'];
    const delayMs = Math.max(ownMs, typeof asked === 'number' ? asked : 0);
    return leftMs > 0 && delayMs <= leftMs ? delayMs : undefined;
  }

  async #wait(error: HoldfastError, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, events } = this.#options;
    throwIfCancelled(signal);
    if (clock.monotonicMs() - this.#toldMs >= quietMs) {
      this.#toldMs = clock.monotonicMs();
      this.#isTold = true;
      events({ kind: 'warning', message: `${error.message}; trying again in ${Math.max(1, Math.round(delayMs / 1000))} s` });
    }
    try {
      await clock.sleep(delayMs, signal);
    } catch (thrown) {
      throwIfCancelled(signal);
      throw asHoldfastError(thrown);
    }
  }

  #noteSuccess(): void {
    this.#hasAnswered = true;
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#toldMs = Number.NEGATIVE_INFINITY;
    this.#options.events({ kind: 'warning', message: `${this.location} answers again` });
  }
}

function drawShare(random: Randomness): number {
  const bytes = Buffer.alloc(4);
  random.fill(bytes);
  return bytes.readUInt32LE() / 2 ** 32;
}

function afterTries(error: HoldfastError, attempts: number): HoldfastError {
  return new HoldfastError(error.code, `${error.message}, also after ${attempts} attempts`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    context: error.context,
    cause: error,
  });
}
