/**
 * A pack as it passes by once, from its first byte to its last: hands out spans of it, and has the SHA-256 of it at the end.
 * In memory is a window of a megabyte, more only while a longer span is taken.
 */
import { HoldfastError } from '../../base/errors.ts';
import { IncrementalSha256 } from '../../crypto/sha256.ts';
import { ReusedBuffer } from '../reused-buffer.ts';

/** Fills the front of `target` with what comes next; fewer bytes than asked for only at the end of the pack. */
export type PieceReader = (target: Uint8Array) => number;

/** What is hashed and then unsealed while it is still in the processor's cache; small enough to have one for each thread. */
const windowBytes = 1 << 20;

export class PackStream {
  readonly #hash = new IncrementalSha256();
  readonly #usual = Buffer.allocUnsafeSlow(windowBytes);
  /** For a span that is longer than the usual window: it holds that span and nothing behind it. */
  readonly #long = new ReusedBuffer(0);
  #window: Buffer = this.#usual;
  #read: PieceReader = () => 0;
  /** Position in the pack of the window's first byte, and how much of the window is filled. */
  #start = 0;
  #filled = 0;

  /** Begins another pack. */
  open(read: PieceReader): void {
    this.#read = read;
    this.#passWindow();
    this.#start = 0;
    this.#hash.digestHex();
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
    do this.#passWindow();
    while (this.#fill());
    return { sizeBytes: this.#start, sha256: this.#hash.digestHex() };
  }

  #skipTo(offset: number): void {
    if (offset < this.#start) throw new HoldfastError('internal', 'a pack was read backwards');
    while (offset >= this.#start + this.#filled) {
      this.#passWindow();
      if (!this.#fill()) return;
    }
  }

  #passWindow(): void {
    this.#start += this.#filled;
    this.#filled = 0;
    this.#window = this.#usual;
    this.#long.release();
  }

  /** Moves what is still needed to the front when the span would not fit behind it. */
  #makeRoom(from: number, length: number): void {
    if (from + length <= this.#window.length) return;
    const roomy = length > this.#window.length ? this.#long.take(length) : this.#window;
    const passed = Math.min(from, this.#filled);
    this.#window.copy(roomy, 0, passed, this.#filled);
    this.#window = roomy;
    this.#start += passed;
    this.#filled -= passed;
  }

  #fill(): boolean {
    const piece = this.#window.subarray(this.#filled);
    const count = this.#read(piece);
    this.#hash.update(piece.subarray(0, count));
    this.#filled += count;
    return count > 0;
  }
}
