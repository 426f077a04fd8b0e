/**
 * Text that is written byte by byte into one growing buffer.
 *
 * Joining some twenty short strings leaves V8 a tree of pieces that has to be flattened later; for the JSON of a node that
 * costs three times as much as writing its bytes here.
 */
const initialBytes = 64 * 1024;
/** From here on one call into native code beats a loop. */
const nativeLength = 64;
const digit0 = 0x30;
const dot = 0x2e;
/** The most bytes that one UTF-16 unit becomes in UTF-8. */
const maxBytesPerUnit = 3;
const maxDigits = 20;
const int32Limit = 2 ** 31;

export class ByteText {
  #bytes: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written behind `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** The bytes written, valid until the next write. */
  view(start = 0): Buffer {
    return this.#bytes.subarray(start, this.#length);
  }

  /** The text from `start` on. */
  toText(start: number): string {
    return this.#bytes.toString('utf8', start, this.#length);
  }

  bytes(source: Uint8Array): void {
    this.copy(source, 0, source.length);
  }

  copy(source: Uint8Array, from: number, length: number): void {
    this.#reserve(length);
    const target = this.#bytes;
    const start = this.#length;
    for (let index = 0; index < length; index++) target[start + index] = source[from + index] as number;
    this.#length = start + length;
  }

  /** Writes again what stands at `start`. */
  repeat(start: number, length: number): void {
    this.#reserve(length);
    this.copy(this.#bytes, start, length);
  }

  text(source: string): void {
    this.#reserve(source.length * maxBytesPerUnit);
    const target = this.#bytes;
    const start = this.#length;
    if (source.length <= nativeLength) {
      let index = 0;
      for (; index < source.length; index++) {
        const unit = source.charCodeAt(index);
        if (unit > 0x7f) break;
        target[start + index] = unit;
      }
      this.#length = start + index;
      if (index === source.length) return;
    }
    // What a loop wrote of it is written again.
    this.#length = start + target.write(source, start, 'utf8');
  }

  /** A decimal integer that is not negative. */
  integer(value: number | bigint): void {
    if (typeof value === 'bigint' || value >= int32Limit) {
      this.text(String(value));
      return;
    }
    this.#reserve(maxDigits);
    let digits = 1;
    for (let limit = 10; limit <= value; limit *= 10) digits++;
    this.#writeDigits(value, digits);
  }

  /** Nanoseconds as a decimal fraction without trailing zeros; nothing for 0. */
  fraction(nanoseconds: number): void {
    if (nanoseconds === 0) return;
    this.#reserve(maxDigits);
    let value = nanoseconds;
    let digits = 9;
    for (; value % 10 === 0; value /= 10) digits--;
    this.#bytes[this.#length++] = dot;
    this.#writeDigits(value, digits);
  }

  /** `value` is below 2^31. */
  #writeDigits(value: number, digits: number): void {
    const target = this.#bytes;
    const end = this.#length + digits;
    let rest = value | 0;
    for (let at = end - 1; at >= this.#length; at--) {
      const tens = (rest / 10) | 0;
      target[at] = digit0 + rest - tens * 10;
      rest = tens;
    }
    this.#length = end;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
