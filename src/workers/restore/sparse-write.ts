/** Writes content into files, leaving out what is zero, so that long runs of zeros become holes. */
import type { Libc } from '../../posix/libc.ts';
import { callError } from './call-error.ts';

/** File systems allocate in blocks of 4 KiB nearly everywhere: a smaller hole saves nothing. */
const blockBytes = 4096;
const zeros = Buffer.alloc(blockBytes);
const middle = blockBytes / 2;

/** @throws HoldfastError */
export function writeFully(libc: Libc, fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = done === 0 ? bytes : bytes.subarray(done);
    const count = libc.pwrite(fd, rest, rest.length, offset + done);
    if (count <= 0) throw callError('write', count);
    done += count;
  }
}

/**
 * Writes into a file that has nothing but holes there. Blocks of zeros that are aligned in the file are skipped, and so are
 * zeros at either end that continue such a block.
 * @returns whether something at the end was skipped: the file's length has to be set
 */
export function writeSparsely(libc: Libc, fd: number, bytes: Uint8Array, offset: number): boolean {
  let written = 0;
  let zeroStart = nextZeros(bytes, 0, offset);
  while (zeroStart < bytes.length) {
    const zeroEnd = endOfZeros(bytes, zeroStart, offset);
    if (zeroStart > written) writeFully(libc, fd, bytes.subarray(written, zeroStart), offset + written);
    written = zeroEnd;
    zeroStart = nextZeros(bytes, zeroEnd, offset);
  }
  if (written === bytes.length) return bytes.length > 0;
  writeFully(libc, fd, written === 0 ? bytes : bytes.subarray(written), offset + written);
  return false;
}

/** Where the next zeros begin that are left out: an aligned block of them, or the part before it that is zero as well. */
function nextZeros(bytes: Uint8Array, from: number, offset: number): number {
  const head = toBoundary(offset + from);
  for (let at = from + head; at + blockBytes <= bytes.length; at += blockBytes) {
    if (!isZeroBlock(bytes, at)) continue;
    return at === head && from === 0 && isZero(bytes, 0, head) ? 0 : at;
  }
  return bytes.length;
}

/** Where they end; the rest of the bytes after the last whole block counts as well when it is zero. */
function endOfZeros(bytes: Uint8Array, start: number, offset: number): number {
  let at = start + toBoundary(offset + start);
  while (at + blockBytes <= bytes.length && isZeroBlock(bytes, at)) at += blockBytes;
  return at + blockBytes > bytes.length && isZero(bytes, at, bytes.length) ? bytes.length : at;
}

function toBoundary(position: number): number {
  return (blockBytes - (position % blockBytes)) % blockBytes;
}

/** Three bytes tell nearly all other blocks apart, without a call. */
function isZeroBlock(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 0 || bytes[at + middle] !== 0 || bytes[at + blockBytes - 1] !== 0) return false;
  return isZero(bytes, at, at + blockBytes);
}

/** At most one block. */
function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  return start === end || zeros.compare(bytes, start, end, 0, end - start) === 0;
}
