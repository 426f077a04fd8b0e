/**
 * Removes what is in the way, whole directories too, never through a symbolic link and however deep.
 *
 * Only one directory is open at a time; the way back up is '..', which must lead to the directory that it came from.
 */
import { HoldfastError } from '../../base/errors.ts';
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  DT_DIR,
  DT_UNKNOWN,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
  statLikeLstat,
} from '../../posix/constants.ts';
import { type DirectoryEntry, listEntries } from '../../posix/directory-entries.ts';
import { minusErrno } from '../../posix/errno.ts';
import type { Libc } from '../../posix/libc.ts';
import { cName, emptyName } from '../../posix/names.ts';
import { type Exact, FileStat } from '../../posix/statx.ts';
import { callError, checkedCall } from './call-error.ts';

const listFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
const isDirectoryError = minusErrno('EISDIR');
/** What POSIX allows instead, and some file systems say. */
const notPermitted = minusErrno('EPERM');
const notEmpty = minusErrno('ENOTEMPTY');
const alreadyThere = minusErrno('EEXIST');

interface Level {
  readonly name: Buffer;
  readonly inode: Exact;
  readonly deviceId: Exact;
  readonly entries: DirectoryEntry[];
}

/** Called for each entry that was removed, or would be: the names that lead to it. */
export type RemovalVisitor = (names: readonly Uint8Array[]) => void;

/** Removes one entry: a file, a link, an empty directory. @returns 0 or minus errno */
export function removeEntry(libc: Libc, dirFd: number, name: Uint8Array): number {
  const result = libc.unlinkAt(dirFd, name, 0);
  if (result !== isDirectoryError && result !== notPermitted) return result;
  const removed = libc.unlinkAt(dirFd, name, AT_REMOVEDIR);
  return removed === alreadyThere ? notEmpty : removed;
}

/** The same with all that is in it. @throws HoldfastError */
export function removeWhole(libc: Libc, dirFd: number, name: Uint8Array): void {
  const result = removeEntry(libc, dirFd, name);
  if (result === 0) return;
  if (result !== notEmpty) throw callError('unlink', result);
  new TreeRemoval(libc, false).remove(dirFd, Buffer.from(name.subarray(0, name.indexOf(0))), true, () => {});
}

export class TreeRemoval {
  readonly #libc: Libc;
  readonly #isDryRun: boolean;
  readonly #stat = new FileStat();

  constructor(libc: Libc, isDryRun: boolean) {
    this.#libc = libc;
    this.#isDryRun = isDryRun;
  }

  /** Whether the entry is a directory itself, not a link to one. */
  isDirectory(dirFd: number, entry: DirectoryEntry): boolean {
    if (entry.type !== DT_UNKNOWN) return entry.type === DT_DIR;
    checkedCall('stat', this.#libc.statxAt(dirFd, cName(entry.name), statLikeLstat, this.#stat.bytes));
    return (this.#stat.mode & S_IFMT) === S_IFDIR;
  }

  /** @throws HoldfastError when something cannot be removed; what was removed before that is gone */
  remove(dirFd: number, name: Buffer, isDirectory: boolean, onRemoved: RemovalVisitor): void {
    if (isDirectory) this.#removeContent(dirFd, name, onRemoved);
    if (!this.#isDryRun) checkedCall('unlink', this.#libc.unlinkAt(dirFd, cName(name), isDirectory ? AT_REMOVEDIR : 0));
    onRemoved([name]);
  }

  #removeContent(dirFd: number, name: Buffer, onRemoved: RemovalVisitor): void {
    let fd = checkedCall('open', this.#libc.openAt(dirFd, cName(name), listFlags, 0));
    try {
      const levels: Level[] = [this.#enter(fd, name)];
      for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
        const entry = level.entries.pop();
        if (entry === undefined) {
          levels.pop();
          const above = levels.at(-1);
          if (above === undefined) return;
          fd = this.#move(fd, this.#openParent(fd, above));
          this.#unlink(fd, levels, level.name, true, onRemoved);
        } else if (this.isDirectory(fd, entry)) {
          fd = this.#move(fd, checkedCall('open', this.#libc.openAt(fd, cName(entry.name), listFlags, 0)));
          levels.push(this.#enter(fd, entry.name));
        } else this.#unlink(fd, levels, entry.name, false, onRemoved);
      }
    } finally {
      this.#libc.close(fd);
    }
  }

  #move(from: number, to: number): number {
    this.#libc.close(from);
    return to;
  }

  #enter(fd: number, name: Buffer): Level {
    this.#statOf(fd);
    return { name, inode: this.#stat.inode, deviceId: this.#stat.deviceId, entries: listEntries(this.#libc, fd) };
  }

  #openParent(fd: number, above: Level): number {
    const parent = checkedCall('open', this.#libc.openAt(fd, cName('..'), listFlags, 0));
    this.#statOf(parent);
    if (this.#stat.inode === above.inode && this.#stat.deviceId === above.deviceId) return parent;
    this.#libc.close(parent);
    throw new HoldfastError('storage-failed', 'a directory was moved elsewhere while it was being removed');
  }

  #statOf(fd: number): void {
    checkedCall('stat', this.#libc.statxAt(fd, emptyName, AT_EMPTY_PATH, this.#stat.bytes));
  }

  #unlink(fd: number, levels: readonly Level[], name: Buffer, isDirectory: boolean, onRemoved: RemovalVisitor): void {
    if (!this.#isDryRun) checkedCall('unlink', this.#libc.unlinkAt(fd, cName(name), isDirectory ? AT_REMOVEDIR : 0));
    onRemoved([...levels.map((level) => level.name), name]);
  }
}
