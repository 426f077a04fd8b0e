/**
 * UTF-8 as Go decodes it: an invalid sequence counts byte by byte, so the same bytes split into the same pieces here
 * and in restic (Node's own decoders merge some invalid sequences).
 */

/** Length in bytes (1 to 4) of the valid sequence at `at`, or 0 when the byte there starts none before `end`. */
export function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] as number;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const second = at + 1 < end ? (bytes[at + 1] as number) : 0;
  if (lead < 0xe0) return isContinuation(second) ? 2 : 0;
  if (second < lowestSecond(lead) || second > highestSecond(lead)) return 0;
  if (at + 2 >= end || !isContinuation(bytes[at + 2] as number)) return 0;
  if (lead < 0xf0) return 3;
  return at + 3 < end && isContinuation(bytes[at + 3] as number) ? 4 : 0;
}

/** The code point of the valid sequence of `length` bytes at `at`. */
export function codePointAt(bytes: Uint8Array, at: number, length: number): number {
  const lead = bytes[at] as number;
  if (length === 1) return lead;
  const second = (bytes[at + 1] as number) & 0x3f;
  if (length === 2) return ((lead & 0x1f) << 6) | second;
  const third = (bytes[at + 2] as number) & 0x3f;
  if (length === 3) return ((lead & 0x0f) << 12) | (second << 6) | third;
  return ((lead & 0x07) << 18) | (second << 12) | (third << 6) | ((bytes[at + 3] as number) & 0x3f);
}

/** Text with U+FFFD for each byte that belongs to none. */
export function decodeLikeGo(bytes: Buffer): string {
  const quick = bytes.toString('utf8');
  if (!quick.includes('\ufffd')) return quick;
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at, bytes.length);
    text += length === 0 ? '\ufffd' : String.fromCodePoint(codePointAt(bytes, at, length));
    at += Math.max(1, length);
  }
  return text;
}

/** The same memory as a Buffer, whose text decoders are quicker than TextDecoder on short input. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Second bytes below these would be overlong forms. */
function lowestSecond(lead: number): number {
  if (lead === 0xe0) return 0xa0;
  return lead === 0xf0 ? 0x90 : 0x80;
}

/** Second bytes above these would be surrogates (0xed) or lie beyond U+10FFFF (0xf4). */
function highestSecond(lead: number): number {
  if (lead === 0xed) return 0x9f;
  return lead === 0xf4 ? 0x8f : 0xbf;
}
