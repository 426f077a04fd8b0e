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
/** A window that had to grow beyond this shrinks again: every chunk of a file fits. */
const maxKeptBytes = 9 << 20;

export class PackStream {
  readonly #hash = new IncrementalSha256();
  #window = Buffer.allocUnsafeSlow(windowBytes);
  #read: PieceReader = () => 0;
  /** Position in the pack of the window's first byte, and how much of the window is filled. */
  #start = 0;
  #filled = 0;

  /** Begins another pack. */
  open(read: PieceReader): void {
    this.#read = read;
    this.#start = 0;
    this.#filled = 0;
    this.#hash.digestHex();
    if (this.#window.length > maxKeptBytes) this.#window = Buffer.allocUnsafeSlow(windowBytes);
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

  /** Moves what is still needed to the front when the span would not fit behind it, and grows for a span beyond the window. */
  #makeRoom(from: number, length: number): void {
    if (from + length <= this.#window.length) return;
    const grown = length > this.#window.length ? Buffer.allocUnsafeSlow(length) : this.#window;
    const kept = Math.min(from, this.#filled);
    this.#window.copy(grown, 0, kept, this.#filled);
    this.#window = grown;
    this.#start += kept;
    this.#filled -= kept;
  }

  #fill(): boolean {
    const piece = this.#window.subarray(this.#filled);
    const count = this.#read(piece);
    this.#hash.update(piece.subarray(0, count));
    this.#filled += count;
    return count > 0;
  }
}
