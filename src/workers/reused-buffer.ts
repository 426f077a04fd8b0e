/** Gives the memory of bytes back at once, when it is theirs alone: the collector would leave it for long, because it sees only a small object. */
export function releaseBytes(bytes: Uint8Array): void {
  if (bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

/** Memory for one thing after the other: what fits into a buffer of the usual size lies there, what is larger gets memory of its own. */
export class ReusedBuffer {
  readonly #usual: Buffer;
  #large: Buffer | undefined;

  /** @param usualBytes is kept from use to use. Only what was written to takes memory. */
  constructor(usualBytes: number) {
    this.#usual = Buffer.allocUnsafeSlow(usualBytes);
  }

  /** Exactly so many bytes, with anything in them. Ends the use of what was taken before: a large buffer is empty then. */
  take(bytes: number): Buffer {
    this.release();
    if (bytes <= this.#usual.length) return this.#usual.subarray(0, bytes);
    this.#large = Buffer.allocUnsafeSlow(bytes);
    return this.#large;
  }

  /** Gives large memory back at once: the collector would leave it for long, because it sees only a small object. */
  release(): void {
    if (this.#large?.buffer instanceof ArrayBuffer) this.#large.buffer.transfer(0);
    this.#large = undefined;
  }
}
