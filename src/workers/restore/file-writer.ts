/** Creates files, writes their blobs, and finishes them with their metadata when the last blob is in place. */
import { HoldfastError } from '../../base/errors.ts';
import { AT_EMPTY_PATH, O_CLOEXEC, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } from '../../posix/constants.ts';
import { minusErrno } from '../../posix/errno.ts';
import { emptyName } from '../../posix/names.ts';
import { type Exact } from '../../posix/statx.ts';
import { checkedCall } from './call-error.ts';
import { restoreCounter } from './counters.ts';
import { removeExisting } from './existing-entries.ts';
import { loadMetadata } from './metadata.ts';
import { filePath } from './plan/plan-paths.ts';
import { blobIsThere, blobWord, fileFlag, fileWord } from './plan/restore-plan.ts';
import { writeFully, writeSparsely } from './sparse-write.ts';
import type { WorkerContext } from './worker-context.ts';

const createFlags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
/** Not blocking: a named pipe put in the place of the file would hold the open for ever. */
const reopenFlags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
const modeMeanwhile = 0o600;
const alreadyThere = minusErrno('EEXIST');
const twoTo32 = 2 ** 32;

export class FileWriter {
  readonly #context: WorkerContext;

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  /**
   * Begins a file whose place is empty. One that a single blob fills is created only when that blob is there; an empty one
   * is finished at once.
   */
  startNew(file: number): void {
    const { files } = this.#context.plan;
    try {
      if (this.#context.rules.isDryRun) {
        this.#countFile(file);
        this.#context.count(restoreCounter.restoredBytes, files.getFloat(file, fileWord.sizeBytes));
      } else if (files.get(file, fileWord.blobCount) !== 1) this.#create(file);
    } catch (error) {
      this.#context.failFile(file, error);
    }
  }

  /** Writes a blob's content to its place. @param row of the plan's blobs */
  write(row: number, plain: Uint8Array): void {
    const { plan } = this.#context;
    const file = plan.blobs.get(row, blobWord.file) % blobIsThere;
    const flags = plan.files.load(file, fileWord.flags);
    if ((flags & fileFlag.failed) !== 0) return;
    try {
      const isWhole = plan.files.get(file, fileWord.blobCount) === 1 && (flags & fileFlag.inPlace) === 0;
      if (isWhole) this.#writeWhole(file, plain);
      else this.#writePart(file, plain, plan.blobs.getFloat(row, blobWord.offset), (flags & fileFlag.inPlace) !== 0);
    } catch (error) {
      this.#context.failFile(file, error);
    }
  }

  /** The last steps of a file with all its content in place. @param fd is left open */
  finish(file: number, fd: number): void {
    const { plan, libc, setter } = this.#context;
    if (plan.hasFlag(file, fileFlag.inPlace)) checkedCall('truncate', libc.ftruncate(fd, plan.files.getFloat(file, fileWord.sizeBytes)));
    plan.files.setBits(file, fileWord.flags, fileFlag.written);
    this.#countFile(file);
    try {
      setter.setOnFile(fd, loadMetadata(plan.files, file, plan.heap));
    } catch (error) {
      this.#context.fail(filePath(plan, file), error);
    }
  }

  /** Notes which inode a file is that will be opened again. */
  noteInode(file: number, inode: Exact): void {
    const { files } = this.#context.plan;
    files.set(file, fileWord.inodeLow, Number(BigInt.asUintN(32, BigInt(inode))));
    files.set(file, fileWord.inodeHigh, Number(BigInt(inode) >> 32n));
  }

  #create(file: number): void {
    const { plan, libc, stat } = this.#context;
    const fd = this.#openNew(file);
    try {
      if (plan.files.get(file, fileWord.blobCount) === 0) {
        this.finish(file, fd);
        return;
      }
      checkedCall('stat', libc.statxAt(fd, emptyName, AT_EMPTY_PATH, stat.bytes));
      this.noteInode(file, stat.inode);
      checkedCall('truncate', libc.ftruncate(fd, plan.files.getFloat(file, fileWord.sizeBytes)));
    } finally {
      libc.close(fd);
    }
  }

  #writeWhole(file: number, plain: Uint8Array): void {
    const { libc } = this.#context;
    const fd = this.#openNew(file);
    try {
      if (writeSparsely(libc, fd, plain, 0)) checkedCall('truncate', libc.ftruncate(fd, plain.length));
      this.#context.count(restoreCounter.restoredBytes, plain.length);
      this.finish(file, fd);
    } finally {
      libc.close(fd);
    }
  }

  #writePart(file: number, plain: Uint8Array, offset: number, isInPlace: boolean): void {
    const { libc, plan } = this.#context;
    const fd = this.#reopen(file);
    try {
      // In an old file there may be something where the zeros belong.
      if (isInPlace) writeFully(libc, fd, plain, offset);
      else writeSparsely(libc, fd, plain, offset);
      this.#context.count(restoreCounter.restoredBytes, plain.length);
      if (plan.files.countDown(file, fileWord.remaining) === 0) this.finish(file, fd);
    } finally {
      libc.close(fd);
    }
  }

  #openNew(file: number): number {
    const { libc, folders, plan, rules } = this.#context;
    const dirFd = checkedCall('open', folders.open(plan.files.get(file, fileWord.directory)));
    const name = plan.fileName(file);
    let fd = libc.openAt(dirFd, name, createFlags, modeMeanwhile);
    if (fd === alreadyThere && rules.overwrite !== 'never') {
      // Somebody made it since the walk looked.
      removeExisting(libc, dirFd, name, false);
      fd = libc.openAt(dirFd, name, createFlags, modeMeanwhile);
    }
    return checkedCall('open', fd);
  }

  /** @throws HoldfastError when the file is not the one that was begun */
  #reopen(file: number): number {
    const { libc, folders, plan, stat } = this.#context;
    const dirFd = checkedCall('open', folders.open(plan.files.get(file, fileWord.directory)));
    const fd = checkedCall('open', libc.openAt(dirFd, plan.fileName(file), reopenFlags, 0));
    const result = libc.statxAt(fd, emptyName, AT_EMPTY_PATH, stat.bytes);
    if (result === 0 && BigInt(stat.inode) === this.#inodeOf(file)) return fd;
    libc.close(fd);
    checkedCall('stat', result);
    throw new HoldfastError('storage-failed', 'another program replaced the file while it was being restored');
  }

  #inodeOf(file: number): bigint {
    const { files } = this.#context.plan;
    return BigInt(files.get(file, fileWord.inodeHigh)) * BigInt(twoTo32) + BigInt(files.get(file, fileWord.inodeLow));
  }

  #countFile(file: number): void {
    const { plan } = this.#context;
    const action = plan.hasFlag(file, fileFlag.inPlace) ? 'updated' : 'restored';
    this.#context.countRestored(action, () => filePath(plan, file), plan.files.getFloat(file, fileWord.sizeBytes));
  }
}
