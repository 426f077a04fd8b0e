/** One directory on the way of a walk: its descriptor, its paths, and what the exclude rules say of its entries. */
import { AT_EMPTY_PATH, O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT, S_IFREG } from '../../posix/constants.ts';
import { entriesBufferSizeBytes, visitEntries } from '../../posix/directory-entries.ts';
import { minusErrno, posixError } from '../../posix/errno.ts';
import { type Libc, libc } from '../../posix/libc.ts';
import { cName, emptyName } from '../../posix/names.ts';
import { FileStat } from '../../posix/statx.ts';
import { pathThrough } from '../../posix/xattrs.ts';
import type { PathText } from '../../patterns/path-text.ts';
import type { DeviceId, DirectoryProbe } from '../../selection/entry.ts';
import type { Selector } from '../../selection/selection.ts';
import { joinPath, printablePath } from './entry-paths.ts';
import { nameBytes } from './entry-names.ts';
import { openFlags } from './open-entry.ts';
import { SourceFailure } from './source-failure.ts';

const pathMaxBytes = 4096;
const missing = minusErrno('ENOENT');
let entriesBuffer: Buffer | undefined;
let pathBuffer: Buffer | undefined;

export class DirectoryFrame implements DirectoryProbe {
  readonly fd: number;
  /** Without a slash at the end, except for the root. */
  readonly path: Uint8Array;
  readonly snapshotPath: Uint8Array;
  readonly depth: number;
  #text: string | undefined;

  constructor(fd: number, paths: { readonly path: Uint8Array; readonly snapshotPath: Uint8Array }, depth: number) {
    this.fd = fd;
    this.path = paths.path;
    this.snapshotPath = paths.snapshotPath;
    this.depth = depth;
  }

  /** Names in the order of their bytes. @throws SourceFailure */
  listNames(libc: Libc): string[] {
    entriesBuffer ??= Buffer.allocUnsafeSlow(entriesBufferSizeBytes);
    const names: string[] = [];
    const buffer = entriesBuffer;
    const result = visitEntries(libc, this.fd, buffer, (_bytes, start, end) => void names.push(buffer.toString('latin1', start, end)));
    if (result < 0) throw new SourceFailure(posixError('getdents64', printablePath(this.path), result));
    return names.sort();
  }

  isNameSelected(selector: Selector | undefined, name: string): boolean {
    return selector === undefined || selector.selectByName(this.#selectionPath(name));
  }

  /** Whether the rules take the entry that `stat` was just filled with. */
  isEntrySelected(selector: Selector | undefined, name: string, stat: FileStat): boolean {
    if (selector === undefined) return true;
    const entry = {
      isDirectory: (stat.mode & S_IFMT) === S_IFDIR,
      sizeBytes: (stat.mode & S_IFMT) === S_IFREG ? stat.sizeBytes : 0,
      deviceId: stat.deviceId,
    };
    return selector.selectEntry(this.#selectionPath(name), entry, this);
  }

  /** For the rules that look at a file of this directory. */
  readHead(name: PathText, length: number): Uint8Array | number | undefined {
    const c = libc();
    const fd = c.openAt(this.fd, cName(Buffer.from(name, 'latin1')), length === 0 ? O_PATH | O_NOFOLLOW | O_CLOEXEC : openFlags.file, 0);
    if (fd < 0) return fd === missing ? undefined : fd;
    try {
      const head = Buffer.alloc(length);
      const count = length === 0 ? 0 : c.read(fd, head, length);
      return count < 0 ? count : head.subarray(0, count);
    } finally {
      c.close(fd);
    }
  }

  /** For --one-file-system: the device that this directory lies on. */
  deviceId(): DeviceId {
    const own = new FileStat();
    libc().statxAt(this.fd, emptyName, AT_EMPTY_PATH, own.bytes);
    return own.deviceId;
  }

  #selectionPath(name: string): PathText {
    this.#text ??= Buffer.from(this.path).toString('latin1').replace(/\/$/, '');
    return `${this.#text}/${name}` as PathText;
  }

  pathOf(name: string): Buffer {
    return joinPath(this.path, Buffer.from(name, 'latin1'));
  }

  pathText(name: string): string {
    return printablePath(this.pathOf(name));
  }

  /** A path for calls that take no directory descriptor; holds until the next call. */
  attributePath(name: string): Uint8Array {
    const length = this.path.length + 1 + name.length + 1;
    if (length > pathMaxBytes) return pathThrough(this.fd, Buffer.from(nameBytes(name).subarray(0, name.length + 1)));
    pathBuffer ??= Buffer.allocUnsafeSlow(pathMaxBytes + 1);
    pathBuffer.set(this.path);
    pathBuffer[this.path.length] = 0x2f;
    const end = this.path.length + 1 + pathBuffer.write(name, this.path.length + 1, 'latin1');
    pathBuffer[end] = 0;
    return pathBuffer;
  }
}
