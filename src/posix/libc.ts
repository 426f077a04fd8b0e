/**
 * The system calls that Node does not offer, or offers without directory descriptors, nanoseconds or raw bytes.
 *
 * One convention for all: a call returns a number >= 0, or minus errno. Nothing throws on the way, because a walk makes
 * several of these calls for every file. Names and paths are bytes that end in NUL (`cName`). Offsets and lengths are
 * numbers up to 2^53. Calls that a signal interrupts are repeated.
 */
import { bindLibc, loadKoffi } from './bindings.ts';

type Bytes = Uint8Array;

export interface Libc {
  /** A descriptor. Pass O_CLOEXEC unless a child process is to inherit it. */
  openAt(dirFd: number, name: Bytes, flags: number, mode: number): number;
  close(fd: number): number;
  /** getdents64: fills `target` with directory records (see directory-entries.ts); bytes filled, 0 at the end. */
  readEntries(fd: number, target: Bytes): number;
  /** Fills `target` (256 bytes, see statx.ts). `flags`: AT_*, mostly `statLikeLstat`. */
  statxAt(dirFd: number, name: Bytes, flags: number, target: Bytes): number;
  /** Length of the link's text; equal to `target.length` when the text may have been cut off. */
  readLinkAt(dirFd: number, name: Bytes, target: Bytes): number;

  read(fd: number, target: Bytes, length: number): number;
  pread(fd: number, target: Bytes, length: number, offset: number): number;
  write(fd: number, source: Bytes, length: number): number;
  pwrite(fd: number, source: Bytes, length: number, offset: number): number;
  fsync(fd: number): number;
  fdatasync(fd: number): number;
  ftruncate(fd: number, length: number): number;
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  /** The new position; `whence` is SEEK_*. */
  seek(fd: number, offset: number, whence: number): number;
  /** `length` 0 means to the end; `advice` is POSIX_FADV_*. */
  fadvise(fd: number, offset: number, length: number, advice: number): number;

  mkdirAt(dirFd: number, name: Bytes, mode: number): number;
  /** `mode` holds the type (S_IF*) too; `device` as made by `makeDev`, 0 for what is no device. */
  mknodAt(dirFd: number, name: Bytes, mode: number, device: number | bigint): number;
  symlinkAt(target: Bytes, dirFd: number, name: Bytes): number;
  linkAt(oldDirFd: number, oldName: Bytes, newDirFd: number, newName: Bytes, flags: number): number;
  unlinkAt(dirFd: number, name: Bytes, flags: number): number;
  renameAt(oldDirFd: number, oldName: Bytes, newDirFd: number, newName: Bytes): number;

  fchown(fd: number, uid: number, gid: number): number;
  fchownAt(dirFd: number, name: Bytes, uid: number, gid: number, flags: number): number;
  fchmod(fd: number, mode: number): number;
  /** Follows a link: Linux has no mode of links. */
  fchmodAt(dirFd: number, name: Bytes, mode: number): number;
  /** `timespecs`: 32 bytes, access time then modification time (`writeTimespecs`). */
  utimensAt(dirFd: number, name: Bytes, timespecs: Bytes, flags: number): number;
  futimens(fd: number, timespecs: Bytes): number;

  /** The calls by path do not follow a link at the end. With an empty array they return the length needed. */
  listXattr(path: Bytes, target: Bytes): number;
  getXattr(path: Bytes, name: Bytes, target: Bytes): number;
  setXattr(path: Bytes, name: Bytes, value: Bytes, flags: number): number;
  removeXattr(path: Bytes, name: Bytes): number;
  flistXattr(fd: number, target: Bytes): number;
  fgetXattr(fd: number, name: Bytes, target: Bytes): number;
  fsetXattr(fd: number, name: Bytes, value: Bytes, flags: number): number;
  fremoveXattr(fd: number, name: Bytes): number;
}

let loaded: Libc | undefined;

/**
 * The calls, bound on first use, once per thread (0.4 ms).
 *
 * @throws HoldfastError `unsupported` where koffi has no build for the machine or the C library lacks a call
 */
export function libc(): Libc {
  loaded ??= bindLibc(loadKoffi());
  return loaded;
}
