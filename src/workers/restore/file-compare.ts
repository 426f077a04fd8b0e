/** Reads files of the target and compares them, blob by blob, with what the plan has for them. */
import { sealOverhead } from '../../crypto/sealer.ts';
import { sha256Hex } from '../../crypto/sha256.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  S_IFMT,
  S_IFREG,
} from '../../posix/constants.ts';
import { minusErrno } from '../../posix/errno.ts';
import { cName, emptyName } from '../../posix/names.ts';
import { checkedCall } from './call-error.ts';
import type { CompareRequest, RestoreResponse } from './messages.ts';
import { metadataWord, blobIsThere, blobWord, fileWord } from './plan/restore-plan.ts';
import type { WorkerContext } from './worker-context.ts';

/** The time of access belongs to the metadata that is restored; reading must not change it. */
const readFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME;
const notPermitted = minusErrno('EPERM');
const accessDenied = minusErrno('EACCES');
/** Kept for the next blob: chunks have 8 MiB at most. Only what was written to takes memory. */
const keptBytes = 9 << 20;
const wordsPerSegment = 3;

export class FileCompare {
  readonly #context: WorkerContext;
  readonly #kept = Buffer.allocUnsafeSlow(keptBytes);

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  compare({ kind, segments }: CompareRequest): RestoreResponse {
    const different: number[] = [];
    for (let at = 0; at < segments.length; at += wordsPerSegment) {
      this.#context.throwIfStopped();
      const [file = 0, from = 0, to = 0] = segments.subarray(at, at + wordsPerSegment);
      const isSame = kind === 'compare' ? this.#markEqual(file, from, to) : this.#isRestored(file, from, to);
      if (!isSame) different.push(file);
    }
    return { kind: 'compared', different };
  }

  /** A file that cannot be read has to be replaced: it is different. */
  #markEqual(file: number, from: number, to: number): boolean {
    const { blobs } = this.#context.plan;
    const fd = this.#open(file);
    if (fd < 0) return false;
    let isSame = true;
    try {
      for (let row = from; row < to; row++) {
        if (this.#isEqual(fd, row)) blobs.set(row, blobWord.file, (file | blobIsThere) >>> 0);
        else isSame = false;
      }
    } finally {
      this.#context.libc.close(fd);
    }
    return isSame;
  }

  #isRestored(file: number, from: number, to: number): boolean {
    const { libc, stat, plan } = this.#context;
    const fd = this.#openRestored(file);
    if (fd < 0) return false;
    try {
      checkedCall('stat', libc.statxAt(fd, emptyName, AT_EMPTY_PATH, stat.bytes));
      if ((stat.mode & S_IFMT) !== S_IFREG || stat.sizeBytes !== plan.files.getFloat(file, fileWord.sizeBytes)) return false;
      for (let row = from; row < to; row++) if (!this.#isEqual(fd, row)) return false;
      return true;
    } finally {
      libc.close(fd);
    }
  }

  #isEqual(fd: number, row: number): boolean {
    this.#context.throwIfStopped();
    const { index, plan } = this.#context;
    const entry = plan.blobs.get(row, blobWord.entry);
    const plainLength = index.plainLengthOf(entry);
    const target = this.#room(plainLength === 0 ? index.lengthOf(entry) - sealOverhead : plainLength);
    return this.#readFully(fd, target, plan.blobs.getFloat(row, blobWord.offset)) && sha256Hex(target) === index.idHex(entry);
  }

  #readFully(fd: number, target: Uint8Array, offset: number): boolean {
    for (let done = 0; done < target.length; ) {
      const count = this.#context.libc.pread(fd, target.subarray(done), target.length - done, offset + done);
      if (count <= 0) return false;
      done += count;
    }
    return true;
  }

  #room(bytes: number): Buffer {
    return bytes > keptBytes ? Buffer.allocUnsafeSlow(bytes) : this.#kept.subarray(0, bytes);
  }

  /** A descriptor, or minus errno. */
  #open(file: number): number {
    const { libc, folders, plan } = this.#context;
    const dirFd = folders.open(plan.files.get(file, fileWord.directory));
    if (dirFd < 0) return dirFd;
    const fd = libc.openAt(dirFd, plan.fileName(file), readFlags, 0);
    // Only the owner may ask not to change the time of access.
    return fd === notPermitted ? libc.openAt(dirFd, plan.fileName(file), readFlags & ~O_NOATIME, 0) : fd;
  }

  /** As above; where an ordinary user's file has a mode that keeps its own owner from reading, that is lifted for the moment. */
  #openRestored(file: number): number {
    const fd = this.#open(file);
    if (fd !== accessDenied) return fd;
    const { libc, folders, plan } = this.#context;
    const dirFd = folders.open(plan.files.get(file, fileWord.directory));
    const pathFd = libc.openAt(dirFd, plan.fileName(file), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (pathFd < 0) return pathFd;
    const path = cName(`/proc/self/fd/${pathFd}`);
    try {
      libc.fchmodAt(AT_FDCWD, path, 0o600);
      const opened = this.#open(file);
      libc.fchmodAt(AT_FDCWD, path, plan.files.get(file, metadataWord.permissions));
      return opened;
    } finally {
      libc.close(pathFd);
    }
  }
}
