/** What stands in the target already, and what the overwrite rule says about it. */
import { O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT, statLikeLstat } from '../../posix/constants.ts';
import { minusErrno } from '../../posix/errno.ts';
import type { Libc } from '../../posix/libc.ts';
import { cName } from '../../posix/names.ts';
import type { FileStat } from '../../posix/statx.ts';
import { AT_FDCWD } from '../../posix/constants.ts';
import { checkedCall } from './call-error.ts';
import type { Overwrite } from './messages.ts';
import type { Metadata } from './metadata.ts';
import { removeEntry, removeWhole } from './tree-removal.ts';

const missing = minusErrno('ENOENT');
const ownerRights = 0o700;

/** Fills `stat`. @returns whether there is anything of that name. @throws HoldfastError */
export function statExisting(libc: Libc, dirFd: number, name: Uint8Array, stat: FileStat): boolean {
  const result = libc.statxAt(dirFd, name, statLikeLstat, stat.bytes);
  if (result === missing) return false;
  checkedCall('stat', result);
  return true;
}

/** Whether what is there, as described by `stat`, gives way (restic's shouldOverwrite). */
export function givesWay(overwrite: Overwrite, metadata: Metadata, stat: FileStat): boolean {
  if (overwrite === 'never') return false;
  return overwrite !== 'if-newer' || isNewer(metadata, stat);
}

export function hasSameTime(metadata: Metadata, stat: FileStat): boolean {
  return metadata.modifySeconds === stat.modifySeconds && metadata.modifyNanoseconds === stat.modifyNanoseconds;
}

function isNewer(metadata: Metadata, stat: FileStat): boolean {
  if (metadata.modifySeconds !== stat.modifySeconds) return metadata.modifySeconds > stat.modifySeconds;
  return metadata.modifyNanoseconds > stat.modifyNanoseconds;
}

/** @param withContent a directory goes with all that is in it; else only when it is empty. @throws HoldfastError */
export function removeExisting(libc: Libc, dirFd: number, name: Uint8Array, withContent: boolean): void {
  if (withContent) removeWhole(libc, dirFd, name);
  else checkedCall('unlink', removeEntry(libc, dirFd, name));
}

export function isDirectoryStat(stat: FileStat): boolean {
  return (stat.mode & S_IFMT) === S_IFDIR;
}

/**
 * Gives an existing directory's owner the right to work in it; its mode from the snapshot comes at the end. Without this an
 * ordinary user could not restore into a directory without write permission a second time.
 */
export function makeWorkable(libc: Libc, dirFd: number, name: Uint8Array, stat: FileStat): void {
  if ((stat.mode & ownerRights) === ownerRights || stat.uid !== process.geteuid?.() || stat.uid === 0) return;
  const fd = libc.openAt(dirFd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0) return;
  // Where this fails, what is done inside fails and says so.
  libc.fchmodAt(AT_FDCWD, cName(`/proc/self/fd/${fd}`), (stat.mode & 0o7777) | ownerRights);
  libc.close(fd);
}
