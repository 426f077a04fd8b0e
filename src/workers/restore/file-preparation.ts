/** Decides, after the comparison, what happens to each file that exists already, and begins those that have to be made new. */
import { AT_EMPTY_PATH, O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } from '../../posix/constants.ts';
import { emptyName } from '../../posix/names.ts';
import { checkedCall } from './call-error.ts';
import { restoreCounter } from './counters.ts';
import { removeExisting } from './existing-entries.ts';
import type { FileWriter } from './file-writer.ts';
import { loadMetadata } from './metadata.ts';
import { filePath } from './plan/plan-paths.ts';
import { blobIsThere, blobWord, fileFlag, fileWord } from './plan/restore-plan.ts';
import type { WorkerContext } from './worker-context.ts';

const updateFlags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

export class FilePreparation {
  readonly #context: WorkerContext;
  readonly #writer: FileWriter;

  constructor(context: WorkerContext, writer: FileWriter) {
    this.#context = context;
    this.#writer = writer;
  }

  prepare(files: Uint32Array): void {
    for (const file of files) {
      this.#context.throwIfStopped();
      try {
        this.#prepareOne(file);
      } catch (error) {
        this.#context.failFile(file, error);
      }
    }
    this.#context.flushItems();
  }

  #prepareOne(file: number): void {
    const flags = this.#context.plan.files.load(file, fileWord.flags);
    if ((flags & fileFlag.trusted) !== 0) this.#keepContent(file);
    else if ((flags & fileFlag.compare) !== 0) this.#judge(file, (flags & fileFlag.otherSize) === 0);
    else {
      if ((flags & fileFlag.exists) !== 0) this.#remove(file);
      this.#writer.startNew(file);
    }
  }

  #judge(file: number, isSameSize: boolean): void {
    const missing = this.#missingBlobs(file);
    if (missing.count === 0 && isSameSize) {
      this.#moveToSkipped(file);
      this.#keepContent(file);
    } else if (this.#context.rules.isDryRun) this.#update(file, -1, missing.bytes);
    else if (!this.#openToUpdate(file, missing)) {
      this.#remove(file);
      this.#forgetMatches(file);
      this.#writer.startNew(file);
    }
  }

  /** @returns false when the file must not or cannot be changed where it is */
  #openToUpdate(file: number, missing: { readonly count: number; readonly bytes: number }): boolean {
    const { libc, folders, plan, stat } = this.#context;
    const dirFd = checkedCall('open', folders.open(plan.files.get(file, fileWord.directory)));
    const fd = libc.openAt(dirFd, plan.fileName(file), updateFlags, 0);
    if (fd < 0) return false;
    try {
      checkedCall('stat', libc.statxAt(fd, emptyName, AT_EMPTY_PATH, stat.bytes));
      // Other names of the file may be anywhere, and are not to be changed with it.
      if (stat.linkCount > 1) return false;
      this.#writer.noteInode(file, stat.inode);
      plan.files.set(file, fileWord.remaining, missing.count);
      this.#update(file, fd, missing.bytes);
      return true;
    } finally {
      libc.close(fd);
    }
  }

  /** @param fd -1 in a dry run */
  #update(file: number, fd: number, missingBytes: number): void {
    const { plan, rules } = this.#context;
    const sizeBytes = plan.files.getFloat(file, fileWord.sizeBytes);
    plan.files.setBits(file, fileWord.flags, fileFlag.inPlace);
    this.#context.count(restoreCounter.restoredBytes, rules.isDryRun ? sizeBytes : sizeBytes - missingBytes);
    if (rules.isDryRun) this.#context.countRestored('updated', () => filePath(plan, file), sizeBytes);
    // Only longer than it should be.
    else if (plan.files.load(file, fileWord.remaining) === 0) this.#writer.finish(file, fd);
  }

  /** Content that is right already gets its metadata only, and counts as skipped. */
  #keepContent(file: number): void {
    const { folders, plan, rules, setter } = this.#context;
    this.#context.countSkipped(() => filePath(plan, file), plan.files.getFloat(file, fileWord.sizeBytes));
    if (rules.isDryRun) return;
    const dirFd = checkedCall('open', folders.open(plan.files.get(file, fileWord.directory)));
    setter.setByName(dirFd, plan.fileName(file), loadMetadata(plan.files, file, plan.heap));
  }

  #moveToSkipped(file: number): void {
    this.#context.count(restoreCounter.totalBytes, -this.#context.plan.files.getFloat(file, fileWord.sizeBytes));
    this.#context.count(restoreCounter.total, -1);
  }

  #remove(file: number): void {
    const { libc, folders, plan, rules } = this.#context;
    if (rules.isDryRun) return;
    const dirFd = checkedCall('open', folders.open(plan.files.get(file, fileWord.directory)));
    removeExisting(libc, dirFd, plan.fileName(file), rules.removesUnexpected);
  }

  #missingBlobs(file: number): { readonly count: number; readonly bytes: number } {
    const { blobs, files } = this.#context.plan;
    const first = files.get(file, fileWord.firstBlob);
    const end = first + files.get(file, fileWord.blobCount);
    const sizeBytes = files.getFloat(file, fileWord.sizeBytes);
    let count = 0;
    let bytes = 0;
    for (let row = first; row < end; row++) {
      if (blobs.get(row, blobWord.file) >= blobIsThere) continue;
      count++;
      bytes += (row + 1 < end ? blobs.getFloat(row + 1, blobWord.offset) : sizeBytes) - blobs.getFloat(row, blobWord.offset);
    }
    return { count, bytes };
  }

  #forgetMatches(file: number): void {
    const { blobs, files } = this.#context.plan;
    const first = files.get(file, fileWord.firstBlob);
    for (let row = first; row < first + files.get(file, fileWord.blobCount); row++) blobs.set(row, blobWord.file, file);
  }
}
