/** Looks at the beginning of a file by name, without ever waiting for it. */
import * as k from './constants.ts';
import { minusErrno } from './errno.ts';
import type { Libc } from './libc.ts';
import { emptyName } from './names.ts';
import { FileStat } from './statx.ts';

/**
 * The first bytes of a regular file, fewer when it is shorter. A link is followed. With `length` 0 anything of that name
 * will do, as lstat sees it.
 *
 * @returns minus errno when there is no such file or it cannot be read; a fifo or device is not opened for long (EINVAL)
 */
export function readHead(libc: Libc, dirFd: number, name: Uint8Array, length: number): Buffer | number {
  const status = new FileStat();
  if (length === 0) {
    const result = libc.statxAt(dirFd, name, k.statLikeLstat, status.bytes);
    return result < 0 ? result : Buffer.alloc(0);
  }
  // A fifo without a writer would block the open, a terminal could become this process's own.
  const fd = libc.openAt(dirFd, name, k.O_RDONLY | k.O_NONBLOCK | k.O_NOCTTY | k.O_CLOEXEC, 0);
  if (fd < 0) return fd;
  const result = libc.statxAt(fd, emptyName, k.AT_EMPTY_PATH, status.bytes);
  const isFile = (status.mode & k.S_IFMT) === k.S_IFREG;
  const head = result === 0 && isFile ? readFirst(libc, fd, length) : minusErrno('EINVAL');
  libc.close(fd);
  return head;
}

function readFirst(libc: Libc, fd: number, length: number): Buffer | number {
  const head = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = libc.pread(fd, head.subarray(filled), length - filled, filled);
    if (count < 0) return count;
    if (count === 0) break;
    filled += count;
  }
  return head.subarray(0, filled);
}
