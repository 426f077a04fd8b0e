/** Paths as bytes, joined and opened without regard to PATH_MAX. */
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../../posix/constants.ts';
import { minusErrno } from '../../posix/errno.ts';
import type { Libc } from '../../posix/libc.ts';
import { cName } from '../../posix/names.ts';

const slash = 0x2f;
/** The kernel takes paths of at most 4,096 bytes, the final NUL included. */
const pathMaxBytes = 4096;
/** Components of 255 bytes at most: this many bytes of path are always open in one step. */
const stepBytes = 3584;

/** A buffer of its own: one out of Node's pool would drag the pool's 8 KB along in every message between threads. */
export function joinPath(folder: Uint8Array, name: Uint8Array): Buffer {
  const needsSlash = folder.length > 0 && folder.at(-1) !== slash;
  const joined = Buffer.allocUnsafeSlow(folder.length + (needsSlash ? 1 : 0) + name.length);
  joined.set(folder);
  if (needsSlash) joined[folder.length] = slash;
  joined.set(name, joined.length - name.length);
  return joined;
}

/** The last component of an absolute path, and the folder that holds it. */
export function splitPath(path: Uint8Array): { folder: Uint8Array; name: Uint8Array } {
  const end = path.lastIndexOf(slash);
  return { folder: path.subarray(0, Math.max(1, end)), name: path.subarray(end + 1) };
}

/**
 * openat for a path of any length. Components before the last are followed, the last as `flags` say.
 * @returns a descriptor, or minus errno
 */
export function openPath(libc: Libc, path: Uint8Array, flags: number): number {
  const { dirFd, rest, result } = descend(libc, path);
  if (result < 0) return result;
  const fd = libc.openAt(dirFd, cName(rest), flags | O_CLOEXEC, 0);
  if (dirFd !== AT_FDCWD) libc.close(dirFd);
  return fd;
}

/**
 * Opens the folder that holds the last component, when the path is too long to be named at once.
 * The caller closes `dirFd` unless it is AT_FDCWD.
 */
export function descend(libc: Libc, path: Uint8Array): { dirFd: number; rest: Uint8Array; result: number } {
  let dirFd = AT_FDCWD;
  let rest = path;
  while (rest.length >= pathMaxBytes) {
    const end = rest.lastIndexOf(slash, stepBytes);
    if (end <= 0) {
      if (dirFd !== AT_FDCWD) libc.close(dirFd);
      return { dirFd: AT_FDCWD, rest, result: minusErrno('ENAMETOOLONG') };
    }
    const next = libc.openAt(
      dirFd,
      cName(rest.subarray(0, end)),
      O_PATH | O_DIRECTORY | O_CLOEXEC | (dirFd === AT_FDCWD ? 0 : O_NOFOLLOW),
      0,
    );
    if (dirFd !== AT_FDCWD) libc.close(dirFd);
    if (next < 0) return { dirFd: AT_FDCWD, rest, result: next };
    dirFd = next;
    rest = rest.subarray(end + 1);
  }
  return { dirFd, rest, result: 0 };
}

/** For people and for messages: bytes that are no UTF-8 become replacement characters. */
export function printablePath(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.length).toString('utf8');
}
