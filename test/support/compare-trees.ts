/**
 * Compares two directories entry by entry: content, type, mode, owner, times to the nanosecond, extended attributes, link targets,
 * hard links and holes. It goes by directory descriptors and raw bytes, so no name and no depth is too odd for it.
 */
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOATIME,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  statLikeLstat,
} from '../../src/posix/constants.ts';
import { listEntries } from '../../src/posix/directory-entries.ts';
import { checked, minusErrno } from '../../src/posix/errno.ts';
import { libc } from '../../src/posix/libc.ts';
import { cName, emptyName } from '../../src/posix/names.ts';
import { FileStat } from '../../src/posix/statx.ts';
import { type ExtendedAttribute, listAttributes, pathThrough } from '../../src/posix/xattrs.ts';

/** What may differ. Times of access are compared only when asked for: reading a tree changes them. */
export type Field = 'content' | 'mode' | 'owner' | 'mtime' | 'atime' | 'attributes' | 'link target' | 'hard links' | 'holes' | 'device';

export interface CompareOptions {
  /** Not compared. */
  readonly except?: readonly Field[];
  readonly withAccessTimes?: boolean;
  /** The two directories themselves are compared too. */
  readonly withTop?: boolean;
}

/** @returns one line for each difference, such as `folder/file: mode 100644, not 100600`; empty when the second is a true copy of the first */
export function compareTrees(first: string | Uint8Array, second: string | Uint8Array, options: CompareOptions = {}): string[] {
  const comparison = new TreeComparison(options);
  const [a, b] = [openTop(first), openTop(second)];
  try {
    if (options.withTop === true) comparison.compareEntry({ dirFd: a, name: cName('.') }, { dirFd: b, name: cName('.') }, '.');
    comparison.compareDirectories(a, b, '');
  } finally {
    libc().close(a);
    libc().close(b);
  }
  return comparison.differences;
}

interface Place {
  readonly dirFd: number;
  /** Ends in NUL. */
  readonly name: Buffer;
}

const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME;
const fileFlags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME;
const pieceBytes = 1 << 20;
/** ext4 takes a block for the attributes that do not fit an inode. */
const attributeBlocks = 8;

class TreeComparison {
  readonly differences: string[] = [];
  readonly #ignored: ReadonlySet<Field>;
  readonly #hardLinks = new LinkTwins();

  constructor({ except = [], withAccessTimes = false }: CompareOptions) {
    this.#ignored = new Set(withAccessTimes ? except : [...except, 'atime']);
  }

  compareDirectories(a: number, b: number, path: string): void {
    const [ours, theirs] = [namesIn(a), namesIn(b)];
    for (const name of theirs.keys()) if (!ours.has(name)) this.differences.push(`${path}${readable(name)}: only in the second`);
    for (const [key, name] of ours) {
      if (theirs.has(key)) this.#compareBelow({ dirFd: a, name }, { dirFd: b, name }, `${path}${readable(key)}`);
      else this.differences.push(`${path}${readable(key)}: only in the first`);
    }
  }

  /** @returns the type that both have, or undefined */
  compareEntry(a: Place, b: Place, path: string): number | undefined {
    const [one, other] = [statOf(a), statOf(b)];
    const type = one.mode & S_IFMT;
    if (type !== (other.mode & S_IFMT)) {
      this.#note(path, 'content', 'type', octal(one.mode & S_IFMT), octal(other.mode & S_IFMT));
      return undefined;
    }
    this.#note(path, 'owner', 'owner', `${one.uid}:${one.gid}`, `${other.uid}:${other.gid}`);
    if (type !== S_IFLNK) this.#note(path, 'mode', 'mode', octal(one.mode), octal(other.mode));
    this.#note(path, 'mtime', 'mtime', modifyTime(one), modifyTime(other));
    this.#note(path, 'atime', 'atime', accessTime(one), accessTime(other));
    this.#note(path, 'attributes', 'attributes', attributesText(a, type), attributesText(b, type));
    if (type === S_IFLNK) this.#note(path, 'link target', 'link to', linkTarget(a), linkTarget(b));
    if (type === S_IFBLK || type === S_IFCHR) this.#note(path, 'device', 'device', String(one.device), String(other.device));
    if (type === S_IFREG) this.#compareFiles(a, b, one, other, path);
    return type;
  }

  #compareBelow(a: Place, b: Place, path: string): void {
    if (this.compareEntry(a, b, path) !== S_IFDIR) return;
    const [one, other] = [openAt(a, directoryFlags), openAt(b, directoryFlags)];
    try {
      this.compareDirectories(one, other, `${path}/`);
    } finally {
      libc().close(one);
      libc().close(other);
    }
  }

  #compareFiles(a: Place, b: Place, one: FileStat, other: FileStat, path: string): void {
    this.#note(path, 'hard links', 'number of names', one.linkCount, other.linkCount);
    if (one.linkCount > 1) this.#note(path, 'hard links', 'another name of', ...this.#hardLinks.compare(one, other, path));
    this.#note(path, 'content', 'size', one.sizeBytes, other.sizeBytes);
    if (!this.#ignored.has('content') && one.sizeBytes === other.sizeBytes) this.#compareBytes(a, b, path);
    const isLarger = other.blocks > one.blocks + attributeBlocks;
    if (isLarger) this.#note(path, 'holes', 'blocks', one.blocks, other.blocks);
  }

  #compareBytes(a: Place, b: Place, path: string): void {
    const [one, other] = [openAt(a, fileFlags), openAt(b, fileFlags)];
    try {
      const at = firstDifference(one, other);
      if (at >= 0) this.differences.push(`${path}: content differs between bytes ${at} and ${at + pieceBytes}`);
    } finally {
      libc().close(one);
      libc().close(other);
    }
  }

  #note(path: string, aspect: Field, what: string, first: string | number, second: string | number): void {
    if (first !== second && !this.#ignored.has(aspect)) this.differences.push(`${path}: ${what} ${first}, not ${second}`);
  }
}

/** Files with several names have their names together in both trees, or in none. */
class LinkTwins {
  readonly #twins = new Map<string, { readonly other: string; readonly path: string }>();

  compare(one: FileStat, other: FileStat, path: string): [string, string] {
    const key = `${one.deviceId}:${one.inode}`;
    const otherKey = `${other.deviceId}:${other.inode}`;
    const twin = this.#twins.get(key) ?? { other: otherKey, path };
    this.#twins.set(key, twin);
    return [twin.path, twin.other === otherKey ? twin.path : 'of that file'];
  }
}

function openTop(path: string | Uint8Array): number {
  return checked('open', path, libc().openAt(AT_FDCWD, cName(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME, 0));
}

/** Only the owner may ask not to change the time of access. */
function openAt({ dirFd, name }: Place, flags: number): number {
  const fd = libc().openAt(dirFd, name, flags, 0);
  return checked('open', name, fd === minusErrno('EPERM') ? libc().openAt(dirFd, name, flags & ~O_NOATIME, 0) : fd);
}

/** Names by their bytes as text of one character each. */
function namesIn(fd: number): Map<string, Buffer> {
  return new Map(listEntries(libc(), fd).map(({ name }) => [name.toString('latin1'), cName(name)]));
}

function readable(name: string): string {
  return JSON.stringify(Buffer.from(name, 'latin1').toString()).slice(1, -1);
}

function statOf({ dirFd, name }: Place): FileStat {
  const stat = new FileStat();
  const isTop = name.equals(cName('.'));
  const result = isTop
    ? libc().statxAt(dirFd, emptyName, AT_EMPTY_PATH, stat.bytes)
    : libc().statxAt(dirFd, name, statLikeLstat, stat.bytes);
  checked('statx', name, result);
  return stat;
}

function octal(mode: number): string {
  return mode.toString(8);
}

function modifyTime(stat: FileStat): string {
  return `${stat.modifySeconds}.${String(stat.modifyNanoseconds).padStart(9, '0')}`;
}

function accessTime(stat: FileStat): string {
  return `${stat.accessSeconds}.${String(stat.accessNanoseconds).padStart(9, '0')}`;
}

function linkTarget({ dirFd, name }: Place): string {
  const target = Buffer.alloc(8192);
  return target.toString('latin1', 0, checked('readlink', name, libc().readLinkAt(dirFd, name, target)));
}

/** In the order of their names, because file systems have no order of their own. */
function attributesText(place: Place, type: number): string {
  const attributes = type === S_IFDIR ? attributesOfDirectory(place) : listAttributes(pathThrough(place.dirFd, place.name));
  const texts = attributes.map(({ name, value }) => `${name}=${value.toString('hex')}`).toSorted();
  return `[${texts.join(' ')}]`;
}

function attributesOfDirectory(place: Place): ExtendedAttribute[] {
  const fd = openAt(place, directoryFlags);
  try {
    return listAttributes(fd);
  } finally {
    libc().close(fd);
  }
}

const one = Buffer.alloc(pieceBytes);
const other = Buffer.alloc(pieceBytes);

/** Where the piece begins that differs, or -1. */
function firstDifference(a: number, b: number): number {
  for (let offset = 0; ; ) {
    const count = readPiece(a, one, offset);
    if (readPiece(b, other, offset) !== count || one.compare(other, 0, count, 0, count) !== 0) return offset;
    if (count < pieceBytes) return -1;
    offset += count;
  }
}

function readPiece(fd: number, target: Buffer, offset: number): number {
  let done = 0;
  while (done < target.length) {
    const count = checked('read', `descriptor ${fd}`, libc().pread(fd, target.subarray(done), target.length - done, offset + done));
    if (count === 0) break;
    done += count;
  }
  return done;
}
