/**
 * A pack as it passes by once, from its first byte to its last: hands out spans of it, and has the SHA-256 of it at the end.
 * In memory is a window of a megabyte, more only where a span is longer.
 */
import { HoldfastError } from '../../base/errors.ts';
import { IncrementalSha256 } from '../../crypto/sha256.ts';

/** Fills the front of `target` with what comes next; fewer bytes than asked for only at the end of the pack. */
export type PieceReader = (target: Uint8Array) => number;

/** What is hashed and then unsealed while it is still in the processor's cache; small enough to have one for each thread. */
const windowBytes = 1 << 20;
/** Every chunk of a file fits. Only what was written to takes memory, so most of it stays address space. */
const capacityBytes = 9 << 20;

export class PackStream {
  readonly #hash = new IncrementalSha256();
  #window = Buffer.allocUnsafeSlow(capacityBytes);
  /** How much of the window is used: more than usual while a long span is taken. */
  #limit = windowBytes;
  #read: PieceReader = () => 0;
  /** Position in the pack of the window's first byte, and how much of the window is filled. */
  #start = 0;
  #filled = 0;

  /** Begins another pack. */
  open(read: PieceReader): void {
    this.#read = read;
    this.#start = 0;
    this.#filled = 0;
    this.#limit = windowBytes;
    this.#hash.digestHex();
    if (this.#window.length > capacityBytes) this.#window = Buffer.allocUnsafeSlow(capacityBytes);
  }

  /**
   * The bytes from `offset` on, for the caller to overwrite: a view until the next call. Spans come in rising order and do not overlap.
   * @returns undefined when the pack ends before
   */
  take(offset: number, length: number): Buffer | undefined {
    this.#skipTo(offset);
    this.#makeRoom(offset - this.#start, length);
    const from = offset - this.#start;
    while (this.#filled < from + length && this.#fill());
    return this.#filled < from + length ? undefined : this.#window.subarray(from, from + length);
  }

  /** Passes the rest. @returns the length of the pack and the SHA-256 of all of it */
  finish(): { sizeBytes: number; sha256: string } {
    do {
      this.#start += this.#filled;
      this.#filled = 0;
    } while (this.#fill());
    return { sizeBytes: this.#start, sha256: this.#hash.digestHex() };
  }

  #skipTo(offset: number): void {
    if (offset < this.#start) throw new HoldfastError('internal', 'a pack was read backwards');
    while (offset >= this.#start + this.#filled) {
      this.#start += this.#filled;
      this.#filled = 0;
      if (!this.#fill()) return;
    }
  }

  /** Moves what is still needed to the front when the span would not fit behind it. */
  #makeRoom(from: number, length: number): void {
    this.#limit = Math.max(windowBytes, length);
    if (from + length <= this.#limit) return;
    const grown = length > this.#window.length ? Buffer.allocUnsafeSlow(length) : this.#window;
    const kept = Math.min(from, this.#filled);
    this.#window.copy(grown, 0, kept, this.#filled);
    this.#window = grown;
    this.#start += kept;
    this.#filled -= kept;
  }

  #fill(): boolean {
    const piece = this.#window.subarray(this.#filled, this.#limit);
    const count = this.#read(piece);
    this.#hash.update(piece.subarray(0, count));
    this.#filled += count;
    return count > 0;
  }
}
