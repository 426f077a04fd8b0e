/**
 * A strict pull scanner for JSON in bytes. It makes no objects and no strings for what it passes, so it suits documents of
 * many megabytes that come in one known shape.
 */
import { HoldfastError } from '../base/errors.ts';
import { idLengthBytes } from '../base/ids.ts';
import { falseLiteral, type Literal, nullLiteral, trueLiteral } from './json-literal.ts';
import { asBuffer } from './utf8.ts';

/** Deeper than any document of the format; encoding/json of Go stops at 10,000. */
const maxDepth = 256;
const highestUint32 = 2 ** 32 - 1;

const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const digit0 = 0x30;
const digit9 = 0x39;

/** The byte that two lowercase hexadecimal digits stand for, by both characters as a little-endian number; -1 for anything else. */
const hexPairs = new Int16Array(65536).fill(-1);
for (let value = 0; value < 256; value++) hexPairs[Buffer.from(value.toString(16).padStart(2, '0')).readUInt16LE()] = value;

export class JsonScanner {
  /** Always a plain Uint8Array: the engine's code is quickest when it meets one class only. */
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  /** 1 for each object that is open, 0 for each array: unlike the stack of calls this cannot overflow. */
  readonly #openContainers = new Uint8Array(maxDepth);
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  get position(): number {
    return this.#at;
  }

  /** Continues at a position that was met before. */
  rewind(position: number): void {
    this.#at = position;
  }

  fail(problem: string): HoldfastError {
    return new HoldfastError('damaged', `${this.#what} ${problem}`, { context: { byteOffset: this.#at } });
  }

  /** The next byte that is no white space, or -1 at the end; it is not consumed. */
  peek(): number {
    const bytes = this.#bytes;
    while (this.#at < bytes.length) {
      const byte = bytes[this.#at] as number;
      if (byte > space || (byte !== space && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return byte;
      this.#at++;
    }
    return -1;
  }

  /** Consumes the byte if it comes next. */
  accept(byte: number): boolean {
    this.peek();
    return this.acceptByte(byte);
  }

  /** Consumes the byte if it is right here, with no white space before it. */
  acceptByte(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  /** Consumes exactly this text if it comes next, white space included; else nothing. */
  acceptLiteral(literal: Literal): boolean {
    const view = this.#view;
    const words = literal.words;
    const end = this.#at + literal.length;
    if (end > view.byteLength) return false;
    let at = this.#at;
    for (let index = 0; index < words.length; index++, at += 4) {
      if (view.getUint32(at, true) !== words[index]) return false;
    }
    // The last word overlaps those before it.
    if (view.getUint32(end - 4, true) !== literal.lastWord) return false;
    this.#at = end;
    return true;
  }

  /** Calls `onKey` for each key of an object; it must consume the value. */
  readObject(onKey: (key: string) => void): void {
    this.#expect(openBrace, 'lacks an object');
    if (this.accept(closeBrace)) return;
    do {
      const key = this.readString();
      this.#expect(colon, 'lacks a colon');
      onKey(key);
    } while (this.accept(comma));
    this.#expect(closeBrace, 'has an object that does not end');
  }

  /** Calls `onItem` for each item of an array; it must consume the item. null counts as an empty array, as Go has it. */
  readArray(onItem: () => void): void {
    if (this.acceptLiteral(nullLiteral)) return;
    this.#expect(openBracket, 'lacks an array');
    this.readArrayRest(onItem);
  }

  /** The same behind an opening bracket that has been consumed. */
  readArrayRest(onItem: () => void): void {
    if (this.accept(closeBracket)) return;
    do onItem();
    while (this.accept(comma));
    this.#expect(closeBracket, 'has an array that does not end');
  }

  readString(): string {
    if (this.peek() !== quote) throw this.fail('lacks a string');
    const start = this.#at;
    this.#skipString();
    const text = asBuffer(this.#bytes).toString('utf8', start, this.#at);
    return text.includes('\\') ? String(JSON.parse(text)) : text.slice(1, -1);
  }

  /** Decodes a string of 64 lowercase hexadecimal digits. */
  readId(target: Uint8Array): void {
    this.#expect(quote, 'lacks an id');
    this.readIdDigits(target);
    if (!this.acceptByte(quote)) throw this.fail('has an id that is not 64 hexadecimal digits');
  }

  /** The same for digits without quotes, right here. */
  readIdDigits(target: Uint8Array): void {
    if (!this.acceptIdDigits(target)) throw this.fail('has an id that is not 64 hexadecimal digits');
  }

  /** As readIdDigits, but consumes nothing and says false where there is no id. */
  acceptIdDigits(target: Uint8Array): boolean {
    const view = this.#view;
    let at = this.#at;
    if (at + 2 * idLengthBytes > view.byteLength) return false;
    let seen = 0;
    for (let index = 0; index < idLengthBytes; index++, at += 2) {
      const value = hexPairs[view.getUint16(at, true)] as number;
      target[index] = value;
      seen |= value;
    }
    if (seen >= 0) this.#at = at;
    return seen >= 0;
  }

  readUint32(): number {
    const bytes = this.#bytes;
    this.peek();
    let at = this.#at;
    let value = 0;
    let byte = bytes[at] as number;
    while (byte >= digit0 && byte <= digit9 && value <= highestUint32) {
      value = value * 10 + byte - digit0;
      byte = bytes[++at] as number;
    }
    const hasLeadingZero = at - this.#at > 1 && bytes[this.#at] === digit0;
    if (at === this.#at || value > highestUint32 || hasLeadingZero) throw this.fail('has a number that is no integer of 32 bits');
    this.#at = at;
    return value;
  }

  /**
   * Behind an opening quote: passes the text and its closing quote, and gives the position of that quote.
   * -1, with nothing passed, when the text has escapes or bytes beyond ASCII, or does not end.
   */
  passPlainText(): number {
    const bytes = this.#bytes;
    for (let at = this.#at; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === quote) {
        this.#at = at + 1;
        return at;
      }
      if (byte === backslash || byte < space || byte > 0x7e) return -1;
    }
    return -1;
  }

  /** Passes digits and gives their value: exact below 2^53, else infinite. */
  passDigits(): number {
    const bytes = this.#bytes;
    let value = 0;
    let at = this.#at;
    for (let byte = bytes[at] as number; byte >= digit0 && byte <= digit9; byte = bytes[++at] as number) value = value * 10 + byte - digit0;
    this.#at = at;
    return value <= Number.MAX_SAFE_INTEGER ? value : Number.POSITIVE_INFINITY;
  }

  /** Passes any value, checking its syntax. */
  skipValue(): void {
    const isObject = this.#openContainers;
    let depth = 0;
    for (;;) {
      const opened = this.#skipStart();
      if (opened !== 0) {
        if (depth === maxDepth) throw this.fail('is nested too deeply');
        isObject[depth++] = opened === openBrace ? 1 : 0;
        if (opened === openBrace) this.#skipKey();
        continue;
      }
      while (depth > 0 && !this.accept(comma)) {
        this.#expect(isObject[depth - 1] === 1 ? closeBrace : closeBracket, 'has a value that does not end');
        depth--;
      }
      if (depth === 0) return;
      if (isObject[depth - 1] === 1) this.#skipKey();
    }
  }

  /** Passes a scalar or empty container and gives 0, or the bracket of a container that has something in it. */
  #skipStart(): number {
    const byte = this.peek();
    if (byte === quote) {
      this.#skipString();
      return 0;
    }
    if (byte === openBrace || byte === openBracket) {
      this.#at++;
      return this.accept(byte === openBrace ? closeBrace : closeBracket) ? 0 : byte;
    }
    for (const literal of [nullLiteral, trueLiteral, falseLiteral]) if (this.acceptLiteral(literal)) return 0;
    this.#skipNumber();
    return 0;
  }

  #skipKey(): void {
    if (this.peek() !== quote) throw this.fail('lacks a key');
    this.#skipString();
    this.#expect(colon, 'lacks a colon');
  }

  #skipNumber(): void {
    const start = this.#at;
    if (this.#bytes[this.#at] === minus) this.#at++;
    if (this.#bytes[this.#at] === digit0) this.#at++;
    else this.#skipDigits();
    if (this.#bytes[this.#at] === point) {
      this.#at++;
      this.#skipDigits();
    }
    if (((this.#bytes[this.#at] ?? 0) | 0x20) === letterE) {
      this.#at++;
      if (this.#bytes[this.#at] === plus || this.#bytes[this.#at] === minus) this.#at++;
      this.#skipDigits();
    }
    if (this.#at === start) throw this.fail('lacks a value');
  }

  #skipDigits(): void {
    const start = this.#at;
    while ((this.#bytes[this.#at] ?? 0) >= digit0 && (this.#bytes[this.#at] ?? 0) <= digit9) this.#at++;
    if (this.#at === start) throw this.fail('has a number without digits');
  }

  #skipString(): void {
    const bytes = this.#bytes;
    for (let at = this.#at + 1; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === quote) {
        this.#at = at + 1;
        return;
      }
      if (byte < space) break;
      if (byte === backslash) at += this.#escapeLength(at + 1);
    }
    throw this.fail('has a string that does not end');
  }

  /** Bytes of the escape at `at`, behind its backslash. */
  #escapeLength(at: number): number {
    const letter = String.fromCharCode(this.#bytes[at] ?? 0);
    if ('"\\/bfnrt'.includes(letter)) return 1;
    const digits = asBuffer(this.#bytes).toString('latin1', at + 1, at + 5);
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(digits)) throw this.fail('has an escape that is not known');
    return 5;
  }

  #expect(byte: number, problem: string): void {
    if (!this.accept(byte)) throw this.fail(problem);
  }
}

const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;
const letterE = 0x65;
