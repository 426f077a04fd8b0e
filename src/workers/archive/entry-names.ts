/**
 * Names inside a walk are strings of one character per byte (latin1): they sort as bytes do, compare quickly, and no
 * byte is lost. Here are their ways out.
 */
import { quoteName, type QuotedName } from '../../format/go-quote.ts';

/** Printable ASCII without quote and backslash: quoted, such a name is itself. */
const plainName = /^[ !#-[\]-~]*$/;
const nameMaxBytes = 4096;
const scratch = Buffer.alloc(nameMaxBytes + 1);

/** The name as the kernel takes it, in a buffer that the next call overwrites. */
export function nameBytes(name: string): Uint8Array {
  const length = scratch.write(name, 0, nameMaxBytes, 'latin1');
  scratch[length] = 0;
  return scratch;
}

/** Bytes as such a string. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The name as trees hold it. */
export function quotedOf(name: string): QuotedName {
  return plainName.test(name) ? (name as QuotedName) : quoteName(Buffer.from(name, 'latin1'));
}
