/**
 * Descriptors of the plan's directories, opened name by name from the target down, never through a symbolic link: whatever
 * stands in the target, nothing is written outside of it. This also reaches directories deeper than PATH_MAX.
 */
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../../posix/constants.ts';
import { minusErrno } from '../../posix/errno.ts';
import type { Libc } from '../../posix/libc.ts';
import { directoryWord, type RestorePlan, rootDirectory } from './plan/restore-plan.ts';

/** O_PATH: enough to act on names in it, and needs no right to list it. */
const openFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/** Neighbours in a pack lie in few directories, but files that were saved at the same time are mixed. */
const maxOpen = 192;
const tooManyOpen = minusErrno('EMFILE');

export class FolderDescriptors {
  readonly #libc: Libc;
  readonly #plan: RestorePlan;
  readonly #targetFd: number;
  /** Least recently used first. */
  readonly #open = new Map<number, number>();
  #last = -1;
  #lastFd = -1;

  constructor(libc: Libc, plan: RestorePlan, targetFd: number) {
    this.#libc = libc;
    this.#plan = plan;
    this.#targetFd = targetFd;
  }

  /** A descriptor that holds until the next call, or minus errno. */
  open(directory: number): number {
    if (directory === rootDirectory) return this.#targetFd;
    if (directory === this.#last) return this.#lastFd;
    let fd = this.#openCached(directory);
    if (fd === tooManyOpen) {
      this.close();
      fd = this.#openCached(directory);
    }
    if (fd >= 0) {
      this.#last = directory;
      this.#lastFd = fd;
    }
    return fd;
  }

  close(): void {
    for (const fd of this.#open.values()) this.#libc.close(fd);
    this.#open.clear();
    this.#last = -1;
  }

  #openCached(directory: number): number {
    const missing: number[] = [];
    let at = directory;
    let fd = this.#cached(at);
    while (fd === undefined) {
      missing.push(at);
      at = this.#plan.directories.get(at, directoryWord.parent);
      fd = this.#cached(at);
    }
    for (let below = missing.pop(); below !== undefined && fd >= 0; below = missing.pop()) fd = this.#openBelow(fd, below);
    return fd;
  }

  #cached(directory: number): number | undefined {
    if (directory === rootDirectory) return this.#targetFd;
    const fd = this.#open.get(directory);
    if (fd === undefined) return undefined;
    this.#open.delete(directory);
    this.#open.set(directory, fd);
    return fd;
  }

  #openBelow(parentFd: number, directory: number): number {
    const fd = this.#libc.openAt(parentFd, this.#plan.directoryName(directory), openFlags, 0);
    if (fd < 0) return fd;
    this.#open.set(directory, fd);
    // The descriptor in use as parent is among the newest and stays.
    if (this.#open.size > maxOpen) this.#closeOldest();
    return fd;
  }

  #closeOldest(): void {
    const oldest = this.#open.entries().next().value;
    if (oldest === undefined) return;
    this.#open.delete(oldest[0]);
    this.#libc.close(oldest[1]);
    if (oldest[0] === this.#last) this.#last = -1;
  }
}
