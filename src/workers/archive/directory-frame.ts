/** One directory on the way of a walk: its descriptor, its paths, and what the exclude rules say of its entries. */
import { S_IFDIR, S_IFMT, S_IFREG } from '../../posix/constants.ts';
import { entriesBufferSizeBytes, visitEntries } from '../../posix/directory-entries.ts';
import { posixError } from '../../posix/errno.ts';
import type { Libc } from '../../posix/libc.ts';
import { pathThrough } from '../../posix/xattrs.ts';
import type { Selector } from '../../sources/files/selection.ts';
import { joinPath, printablePath } from './entry-paths.ts';
import { nameBytes } from './entry-names.ts';
import { openFlags } from './open-entry.ts';
import { SourceFailure } from './source-failure.ts';
import type { WorkerContext } from './worker-context.ts';

const pathMaxBytes = 4096;
let entriesBuffer: Buffer | undefined;
let pathBuffer: Buffer | undefined;

export class DirectoryFrame {
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
    const result = visitEntries(libc, this.fd, buffer, (_bytes, start, end) => void names.push(buffer.latin1Slice(start, end)));
    if (result < 0) throw new SourceFailure(posixError('getdents64', printablePath(this.path), result));
    return names.sort();
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
    const end = this.path.length + 1 + pathBuffer.latin1Write(name, this.path.length + 1);
    pathBuffer[end] = 0;
    return pathBuffer;
  }
}
