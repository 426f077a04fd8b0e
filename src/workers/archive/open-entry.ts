/** Opening what is to be saved: without following links, without waiting at a FIFO, without touching access times. */
import { O_CLOEXEC, O_DIRECTORY, O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY } from '../../posix/constants.ts';
import { minusErrno } from '../../posix/errno.ts';
import type { Libc } from '../../posix/libc.ts';
import { openPath } from './entry-paths.ts';

const readable = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

export const openFlags = {
  file: readable,
  directory: readable | O_DIRECTORY,
  /** Only to go on from there, or to describe it: needs no right to read it. A link in its place is followed. */
  passage: O_PATH | O_DIRECTORY | O_CLOEXEC,
} as const;

const notPermitted = minusErrno('EPERM');

/** Only the owner of a file, or root, may leave its access time alone. @returns a descriptor, or minus errno */
export function openReadable(libc: Libc, dirFd: number, name: Uint8Array, flags: number): number {
  const fd = libc.openAt(dirFd, name, flags | O_NOATIME, 0);
  return fd === notPermitted ? libc.openAt(dirFd, name, flags, 0) : fd;
}

/** The same by a path of any length. */
export function openReadablePath(libc: Libc, path: Uint8Array, flags: number): number {
  const fd = openPath(libc, path, flags | O_NOATIME);
  return fd === notPermitted ? openPath(libc, path, flags) : fd;
}
