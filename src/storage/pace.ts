/**
 * How fast bytes may go to a storage and come from it.
 *
 * A pace is asked piece by piece, in front of each: so one large transfer is as even as many small ones, and several that run at once
 * share it fairly. Whatever carries bytes asks it itself (HttpClient, StdioTransport and the like), because only it sees the pieces; for
 * a backend that knows nothing of paces there is LimitBackend.
 */
import { cancellationOf, throwIfCancelled } from '../base/cancellation.ts';
import type { Clock } from '../base/clock.ts';
import { asHoldfastError } from '../base/errors.ts';

export interface Pace {
  /** Pieces are not to be larger than this, or the transfer goes by leaps. */
  readonly pieceBytes: number;
  /** Resolves when so many bytes may go. @throws HoldfastError `cancelled`; the bytes then count as not sent */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
  /** Counts bytes that cannot wait: those that come after them do. */
  charge(bytes: number): void;
}

export interface TransferPaces {
  /** Towards the storage. Undefined: as fast as it goes. */
  readonly upload?: Pace | undefined;
  readonly download?: Pace | undefined;
}

export interface TokenBucketOptions {
  readonly bytesPerSecond: number;
  readonly clock: Clock;
}

/** After a rest so much of the rate may go at once: what a timer is late by is made good, and nobody notices a leap. */
const burstMs = 100;
/** Shorter waits cost more than they order; they are waited for together with the next ones. */
const shortestWaitMs = 2;
const piecesPerSecond = 20;
const smallestPieceBytes = 1 << 10;
const largestPieceBytes = 64 << 10;

/** The moment from which the rate is free again moves on with every byte: whoever comes waits for it, in the order of coming. */
export class TokenBucket implements Pace {
  readonly pieceBytes: number;
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  #freeMs = Number.NEGATIVE_INFINITY;

  constructor({ bytesPerSecond, clock }: TokenBucketOptions) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = clock;
    this.pieceBytes = Math.max(smallestPieceBytes, Math.min(largestPieceBytes, Math.floor(bytesPerSecond / piecesPerSecond)));
  }

  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    const waitMs = this.#book(bytes);
    if (waitMs < shortestWaitMs) return;
    try {
      await this.#clock.sleep(waitMs, signal);
    } catch (error) {
      this.#freeMs -= bytes / this.#bytesPerMs;
      throw signal?.aborted === true ? cancellationOf(signal) : asHoldfastError(error);
    }
  }

  charge(bytes: number): void {
    this.#book(bytes);
  }

  /** @returns how long they would have to wait */
  #book(bytes: number): number {
    const nowMs = this.#clock.monotonicMs();
    const startMs = Math.max(this.#freeMs, nowMs - burstMs);
    this.#freeMs = startMs + bytes / this.#bytesPerMs;
    return startMs - nowMs;
  }
}

/** The same bytes, in pieces that the pace lets through. Leaving the loop early closes the source. */
export async function* pacedPieces(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  pace: Pace,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  for await (const bytes of source) {
    for (let from = 0; from < bytes.length; from += pace.pieceBytes) {
      const piece = bytes.subarray(from, from + pace.pieceBytes);
      await pace.take(piece.length, signal);
      yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    }
  }
}
