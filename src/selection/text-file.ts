/** Text files that people and other programs write: UTF-8, or UTF-16 with a byte order mark. */

/** The bytes as UTF-8 without a byte order mark. Bytes that are no UTF-8 stay: they may be the bytes of a name. */
export function decodeTextFile(bytes: Buffer): Buffer {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return bytes.subarray(3);
  if (first === 0xff && second === 0xfe) return decodeUtf16(bytes, 'utf-16le');
  return first === 0xfe && second === 0xff ? decodeUtf16(bytes, 'utf-16be') : bytes;
}

function decodeUtf16(bytes: Buffer, encoding: string): Buffer {
  return Buffer.from(new TextDecoder(encoding).decode(bytes));
}

/** Lines without their ends, LF or CR LF; what follows the last end is a line unless it is empty. */
export function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(lineFeed, start);
    const end = feed < 0 ? bytes.length : feed;
    const isReturnBefore = end > start && bytes[end - 1] === carriageReturn;
    lines.push(bytes.subarray(start, isReturnBefore ? end - 1 : end));
    start = end + 1;
  }
  return lines;
}

/**
 * Without the white space at both ends that Unicode calls so and Go's TrimSpace takes off: unlike trim() also U+0085,
 * and not U+FEFF.
 */
export function trimSpace(text: string): string {
  return text.replace(spaceAround, '');
}

const space = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
/** The look-behind keeps it from trying every place inside a long run of spaces. */
const spaceAround = new RegExp(`^${space}+|(?<!${space})${space}+$`, 'g');
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
