/**
 * Reads the nodes that nearly all trees consist of without making objects of them: plain names, the fields in restic's order, no extended
 * attributes. It accepts only what decodeNode accepts; whatever is unusual is left to that.
 */
import { idLengthBytes } from '../base/ids.ts';
import type { NodeType } from './file-mode.ts';
import type { QuotedName } from './go-quote.ts';
import { isTime } from './go-time.ts';
import { Literal, nullLiteral } from './json-literal.ts';
import type { JsonScanner } from './json-scanner.ts';
import { asBuffer } from './utf8.ts';

const nameStart = new Literal('{"name":"');
const types: readonly (readonly [Literal, NodeType])[] = (['file', 'dir', 'symlink'] as const).map((type) => [
  new Literal(`","type":"${type}"`),
  type,
]);
const mode = new Literal(',"mode":');
const mtime = new Literal(',"mtime":"');
const atime = new Literal('","atime":"');
const ctime = new Literal('","ctime":"');
const uid = new Literal('","uid":');
const gid = new Literal(',"gid":');
const user = new Literal(',"user":"');
const group = new Literal(',"group":"');
const linkTarget = new Literal(',"linktarget":"');
const size = new Literal(',"size":');
/** Numbers that a check does not look at; each may be left out. */
const numbersBeforeSize = [new Literal(',"inode":'), new Literal(',"device_id":')];
const links = new Literal(',"links":');
const content = new Literal(',"content":');
const subtree = new Literal(',"subtree":"');

const quote = 0x22;
const slash = 0x2f;
const backslash = 0x5c;
const firstPrintable = 0x20;
const lastPrintable = 0x7e;
const digit0 = 0x30;
const digit9 = 0x39;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const closeBrace = 0x7d;
/** Any so long number is below 2^53. */
const maxDigits = 15;

export class UsualNodeReader {
  name = '' as QuotedName;
  type: NodeType = '';
  sizeBytes = 0;
  hasContent = false;
  /** Ids of the content, one behind the other, in the first `contentBytes` bytes. */
  content = new Uint8Array(64 * idLengthBytes);
  contentBytes = 0;
  hasSubtree = false;
  readonly subtree = new Uint8Array(idLengthBytes);
  readonly #scanner: JsonScanner;
  readonly #bytes: Uint8Array;
  /** The last three times that were right: of a package's files most are the same. */
  readonly #knownTimes = ['', '', ''];
  readonly #id = new Uint8Array(idLengthBytes);

  constructor(scanner: JsonScanner, bytes: Uint8Array) {
    this.#scanner = scanner;
    this.#bytes = bytes;
  }

  /** @returns false when the node is not a usual one: the scanner stands anywhere then */
  read(): boolean {
    const scanner = this.#scanner;
    return this.#readName() && this.#readType() && this.#readMetadata() && this.#readContent() && scanner.acceptByte(closeBrace);
  }

  #readName(): boolean {
    if (!this.#scanner.acceptLiteral(nameStart)) return false;
    const start = this.#scanner.position;
    const end = this.#plainEnd(start, slash);
    this.name = asBuffer(this.#bytes).toString('latin1', start, end) as QuotedName;
    return end > start && this.name !== '.' && this.name !== '..';
  }

  #readType(): boolean {
    for (const [literal, type] of types) {
      if (!this.#scanner.acceptLiteral(literal)) continue;
      this.type = type;
      return true;
    }
    return false;
  }

  #readMetadata(): boolean {
    const scanner = this.#scanner;
    if (scanner.acceptLiteral(mode) && !this.#readUint32()) return false;
    const areTimes = this.#readTime(mtime, 0) && this.#readTime(atime, 1) && this.#readTime(ctime, 2);
    if (!areTimes || !scanner.acceptLiteral(uid) || !this.#readUint32() || !scanner.acceptLiteral(gid) || !this.#readUint32()) return false;
    if (!this.#passText(user) || !this.#passText(group)) return false;
    for (const literal of numbersBeforeSize) if (scanner.acceptLiteral(literal) && this.#readNumber() < 0) return false;
    this.sizeBytes = scanner.acceptLiteral(size) ? this.#readNumber() : 0;
    if (this.sizeBytes < 0 || (scanner.acceptLiteral(links) && this.#readNumber() < 0)) return false;
    return this.#passText(linkTarget);
  }

  #readContent(): boolean {
    const scanner = this.#scanner;
    if (!scanner.acceptLiteral(content)) return false;
    this.contentBytes = 0;
    this.hasContent = !scanner.acceptLiteral(nullLiteral);
    if (this.hasContent && !this.#readIds()) return false;
    this.hasSubtree = scanner.acceptLiteral(subtree);
    return !this.hasSubtree || (this.#readIdInto(this.subtree, 0) && scanner.acceptByte(quote));
  }

  #readIds(): boolean {
    const scanner = this.#scanner;
    if (!scanner.acceptByte(openBracket)) return false;
    if (scanner.acceptByte(closeBracket)) return true;
    do {
      if (!scanner.acceptByte(quote)) return false;
      this.#makeRoom();
      if (!this.#readIdInto(this.content, this.contentBytes) || !scanner.acceptByte(quote)) return false;
      this.contentBytes += idLengthBytes;
    } while (scanner.acceptByte(comma));
    return scanner.acceptByte(closeBracket);
  }

  #makeRoom(): void {
    if (this.contentBytes < this.content.length) return;
    const larger = new Uint8Array(this.content.length * 2);
    larger.set(this.content);
    this.content = larger;
  }

  #readIdInto(target: Uint8Array, at: number): boolean {
    if (!this.#scanner.acceptIdDigits(this.#id)) return false;
    target.set(this.#id, at);
    return true;
  }

  /** The end of printable ASCII from `start` on, without `other`, quote or backslash. */
  #plainEnd(start: number, other: number): number {
    const bytes = this.#bytes;
    let at = start;
    for (let byte = bytes[at] ?? 0; byte >= firstPrintable && byte <= lastPrintable; byte = bytes[++at] ?? 0) {
      if (byte === quote || byte === backslash || byte === other) break;
    }
    this.#scanner.rewind(at);
    return at;
  }

  /** Passes a plain text with its last quote, where it is there at all. */
  #passText(key: Literal): boolean {
    if (!this.#scanner.acceptLiteral(key)) return true;
    this.#plainEnd(this.#scanner.position, quote);
    return this.#scanner.acceptByte(quote);
  }

  #readTime(key: Literal, which: 0 | 1 | 2): boolean {
    if (!this.#scanner.acceptLiteral(key)) return false;
    const start = this.#scanner.position;
    const text = asBuffer(this.#bytes).toString('latin1', start, this.#plainEnd(start, quote));
    if (this.#knownTimes.includes(text)) return text !== '';
    if (!isTime(text)) return false;
    this.#knownTimes[which] = text;
    return true;
  }

  #readUint32(): boolean {
    const value = this.#readNumber();
    return value >= 0 && value < 2 ** 32;
  }

  /** An integer that is not too long, or -1. */
  #readNumber(): number {
    const bytes = this.#bytes;
    const start = this.#scanner.position;
    let value = 0;
    let at = start;
    for (let byte = bytes[at] ?? 0; byte >= digit0 && byte <= digit9; byte = bytes[++at] ?? 0) value = value * 10 + byte - digit0;
    this.#scanner.rewind(at);
    const digits = at - start;
    return digits === 0 || digits > maxDigits || (digits > 1 && bytes[start] === digit0) ? -1 : value;
  }
}
