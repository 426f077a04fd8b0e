/**
 * Names of files as restic stores them: through Go's strconv.Quote, without the quotes around it.
 *
 * A quoted name holds any bytes in valid text, and equal names have equal quoted forms, so it serves as a key of maps.
 */
import { HoldfastError } from '../base/errors.ts';
import { isPrintable } from './go-printable.ts';
import { asBuffer, codePointAt, decodeLikeGo, sequenceLength } from './utf8.ts';

declare const quotedBrand: unique symbol;
export type QuotedName = string & { readonly [quotedBrand]: true };

const backslash = 0x5c;
const doubleQuote = 0x22;

/** The name in `bytes` from `start` to `end`, quoted. */
export function quoteName(bytes: Uint8Array, start = 0, end = bytes.length): QuotedName {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < 0x20 || byte > 0x7e || byte === backslash || byte === doubleQuote) return quoteFrom(bytes, start, at, end);
  }
  return asBuffer(bytes).toString('latin1', start, end) as QuotedName;
}

/** Quotes with everything before `special` known to be plain. */
function quoteFrom(bytes: Uint8Array, start: number, special: number, end: number): QuotedName {
  const source = asBuffer(bytes);
  let text = '';
  let runStart = start;
  for (let at = special; at < end; ) {
    const length = sequenceLength(bytes, at, end);
    const codePoint = length === 0 ? 0 : codePointAt(bytes, at, length);
    const next = at + (length || 1);
    if (length === 0 || codePoint === backslash || codePoint === doubleQuote || !isPrintable(codePoint)) {
      const escape = length === 0 ? `\\x${hex(bytes[at] as number, 2)}` : escapeCodePoint(codePoint);
      text += source.toString('utf8', runStart, at) + escape;
      runStart = next;
    }
    at = next;
  }
  return (text + source.toString('utf8', runStart, end)) as QuotedName;
}

const shortEscapes = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [doubleQuote, '\\"'],
  [backslash, '\\\\'],
]);

function escapeCodePoint(codePoint: number): string {
  const short = shortEscapes.get(codePoint);
  if (short !== undefined) return short;
  if (codePoint < 0x20 || codePoint === 0x7f) return `\\x${hex(codePoint, 2)}`;
  return codePoint < 0x10000 ? `\\u${hex(codePoint, 4)}` : `\\U${hex(codePoint, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

const escapedByLetter = new Map([
  ['a', 0x07],
  ['b', 0x08],
  ['t', 0x09],
  ['n', 0x0a],
  ['v', 0x0b],
  ['f', 0x0c],
  ['r', 0x0d],
  ['"', doubleQuote],
  ['\\', backslash],
]);
/** One escape: a single letter, \x, \u, \U, or three octal digits; its digits are in group 2 to 5. */
const escapePattern = /\\(?:([abtnvfr"\\])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/y;

/**
 * The bytes of a quoted name, as Go's strconv.Unquote gives them.
 * @throws HoldfastError `damaged` where Go would refuse the text
 */
export function unquoteName(quoted: string): Buffer {
  if (!quoted.includes('\\')) {
    if (quoted.includes('"') || quoted.includes('\n')) throw badQuoting();
    return Buffer.from(quoted, 'utf8');
  }
  const pieces: Buffer[] = [];
  for (let at = 0; at < quoted.length; ) {
    const next = quoted.indexOf('\\', at);
    const plain = quoted.slice(at, next < 0 ? quoted.length : next);
    if (plain.includes('"') || plain.includes('\n')) throw badQuoting();
    pieces.push(Buffer.from(plain, 'utf8'));
    if (next < 0) break;
    escapePattern.lastIndex = next;
    const match = escapePattern.exec(quoted);
    if (match === null) throw badQuoting();
    pieces.push(unescape(match));
    at = escapePattern.lastIndex;
  }
  return Buffer.concat(pieces);
}

function unescape(match: RegExpExecArray): Buffer {
  const [, letter, byte, short, long, octal] = match;
  if (letter !== undefined) return Buffer.of(escapedByLetter.get(letter) as number);
  if (byte !== undefined) return Buffer.of(Number.parseInt(byte, 16));
  if (octal !== undefined) return Buffer.of(Number.parseInt(octal, 8));
  const codePoint = Number.parseInt(short ?? long ?? '', 16);
  if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint < 0xe000)) throw badQuoting();
  return Buffer.from(String.fromCodePoint(codePoint), 'utf8');
}

function badQuoting(): HoldfastError {
  return new HoldfastError('damaged', 'a name is not quoted as it must be');
}

/** The same name in today's form: writers with an older Unicode escaped characters that are printable by now. */
export function canonicalName(quoted: string): QuotedName {
  return isPlain(quoted) ? (quoted as QuotedName) : quoteName(unquoteName(quoted));
}

/** The name for people. Each byte that is no text shows as U+FFFD; never for use as a path. */
export function displayName(quoted: QuotedName): string {
  return isPlain(quoted) ? quoted : decodeLikeGo(unquoteName(quoted));
}

/** Less than, equal to or greater than 0: the order of the names' bytes, which is the order of nodes in a tree. */
export function compareNames(a: QuotedName, b: QuotedName): number {
  if (isPlain(a) && isPlain(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(unquoteName(a), unquoteName(b));
}

const plainPattern = /^[ !#-[\]-~]*$/;

/** Printable ASCII without quote and backslash: its bytes are its characters. */
export function isPlain(quoted: string): boolean {
  return plainPattern.test(quoted);
}
