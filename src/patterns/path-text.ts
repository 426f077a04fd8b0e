/**
 * Paths as strings with one character per byte.
 *
 * Names on Linux are bytes, and restic's patterns match bytes, so nothing is decoded: 'é' has two characters here. Such
 * strings are lossless for names that are no UTF-8, cheap to make, and compare and sort by bytes.
 */
import { posix } from 'node:path';

declare const pathTextBrand: unique symbol;

/** A path or name, one character (U+0000 to U+00FF) per byte. Not for people: see `readableText`. */
export type PathText = string & { readonly [pathTextBrand]: true };

/** Text is taken as UTF-8, with bytes that are none written as in `readableText`. */
export function pathText(path: Uint8Array | string): PathText {
  if (typeof path !== 'string') return latin1(path, 0, path.length);
  return (isAscii(path) ? path : encodeText(path)) as PathText;
}

/** Part of a buffer, without a copy in between: a name among directory entries. */
export function latin1(bytes: Uint8Array, start: number, end: number): PathText {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', start, end) as PathText;
}

/** The path of an entry of a directory. */
export function childPath(directory: PathText, name: PathText): PathText {
  return (directory === '/' ? `/${name}` : `${directory}/${name}`) as PathText;
}

export function pathBytes(path: PathText): Buffer {
  return Buffer.from(path, 'latin1');
}

/**
 * Bytes as a person reads them: UTF-8, and every byte that is none as U+DC00 + byte (a lone surrogate, which valid UTF-8
 * never decodes to, so that `pathText` can take it back).
 */
export function readableText(bytes: Uint8Array): string {
  const path = pathText(bytes);
  if (isAscii(path)) return path;
  let text = '';
  for (let position = 0; position < path.length; ) {
    const rune = decodeRune(path, position);
    text += isInvalid(rune) ? String.fromCharCode(escapeBase + path.charCodeAt(position)) : String.fromCodePoint(rune.point);
    position += rune.width;
  }
  return text;
}

/** As Go's filepath.Clean: no '.', no '..' but at the front of a relative path, no slash at the end; '.' for nothing. */
export function cleanPath(path: PathText): PathText {
  const normal = posix.normalize(path);
  return (normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal) as PathText;
}

export interface Rune {
  readonly point: number;
  /** Bytes it takes. */
  readonly width: number;
}

const replacement: Rune = { point: 0xfffd, width: 1 };

/** The character at a position as Go decodes it: U+FFFD of one byte where the bytes are no UTF-8. */
export function decodeRune(path: string, position: number): Rune {
  const first = path.charCodeAt(position);
  if (first < 0x80) return { point: first, width: 1 };
  const width = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || position + width > path.length) return replacement;
  let point = first & (0x7f >> width);
  for (let index = 1; index < width; index += 1) {
    const next = path.charCodeAt(position + index);
    if ((next & 0xc0) !== 0x80) return replacement;
    point = (point << 6) | (next & 0x3f);
  }
  return isScalar(point, width) ? { point, width } : replacement;
}

/** Whether these are bytes that are no UTF-8, and not an encoded U+FFFD. */
export function isInvalid(rune: Rune): boolean {
  return rune.point === replacement.point && rune.width === 1;
}

/** Neither encoded longer than needed, nor a surrogate, nor beyond Unicode. */
function isScalar(point: number, width: number): boolean {
  if (width === 3) return point >= 0x800 && (point < 0xd800 || point > 0xdfff);
  return width === 2 || (point >= 0x1_0000 && point <= 0x10_ffff);
}

export function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}

const escapeBase = 0xdc00;

function encodeText(text: string): string {
  let bytes = '';
  for (const character of text) {
    const unit = character.charCodeAt(0);
    const isEscapedByte = character.length === 1 && unit >= escapeBase + 0x80 && unit <= escapeBase + 0xff;
    bytes += isEscapedByte ? String.fromCharCode(unit - escapeBase) : Buffer.from(character).toString('latin1');
  }
  return bytes;
}
