/**
 * Reads the names of a directory through getdents64: bytes as they are, in the kernel's order, without '.' and '..'.
 *
 * struct linux_dirent64 (getdents(2)): u64 inode, i64 position, u16 length of the record, u8 type, name that ends in NUL.
 */
import { posixError } from './errno.ts';
import type { Libc } from './libc.ts';

const recordLengthOffset = 16;
const typeOffset = 18;
const nameOffset = 19;

/** 64 KiB: about 2,000 entries a call; more did not make a walk of /usr faster. */
export const entriesBufferSizeBytes = 65_536;

/** The name is `bytes` from `start` to `end`, with a NUL at `end`; `type` is one of DT_*. The bytes are overwritten later: copy them. */
export type EntryVisitor = (bytes: Uint8Array, start: number, end: number, type: number) => void;

/**
 * Calls `visit` for every entry of the directory.
 *
 * @param buffer room for the records, `entriesBufferSizeBytes`; one serves all directories of a walk
 * @returns 0, or minus errno; entries before the failure have been visited
 */
export function visitEntries(libc: Libc, dirFd: number, buffer: Uint8Array, visit: EntryVisitor): number {
  for (;;) {
    const filled = libc.readEntries(dirFd, buffer);
    if (filled <= 0) return filled;
    parseEntries(buffer, filled, visit);
  }
}

/** Calls `visit` for every record in the first `filled` bytes of a buffer that `readEntries` filled. */
export function parseEntries(buffer: Uint8Array, filled: number, visit: EntryVisitor): void {
  let record = 0;
  while (record < filled) {
    const length = byteAt(buffer, record + recordLengthOffset) | (byteAt(buffer, record + recordLengthOffset + 1) << 8);
    // The kernel does not do this; a loop without end over a broken network file system would be worse.
    if (length <= nameOffset) return;
    const start = record + nameOffset;
    const end = buffer.indexOf(0, start);
    if (!isDotOrDotDot(buffer, start, end)) visit(buffer, start, end, byteAt(buffer, record + typeOffset));
    record += length;
  }
}

export interface DirectoryEntry {
  readonly name: Buffer;
  /** One of DT_*; DT_UNKNOWN where the file system does not say. */
  readonly type: number;
}

/**
 * All entries at once, in the kernel's order.
 *
 * @throws HoldfastError when the directory cannot be read
 */
export function listEntries(libc: Libc, dirFd: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  const result = visitEntries(libc, dirFd, new Uint8Array(entriesBufferSizeBytes), (bytes, start, end, type) => {
    entries.push({ name: Buffer.from(bytes.subarray(start, end)), type });
  });
  if (result < 0) throw posixError('getdents64', `descriptor ${dirFd}`, result);
  return entries;
}

function isDotOrDotDot(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== 0x2e) return false;
  return end - start === 1 || (end - start === 2 && bytes[start + 1] === 0x2e);
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
