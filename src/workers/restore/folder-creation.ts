/** Makes the plan's directories in the target, each when the first thing in it is restored. */
import { HoldfastError } from '../../base/errors.ts';
import { minusErrno } from '../../posix/errno.ts';
import { callError, checkedCall } from './call-error.ts';
import { isDirectoryStat, makeWorkable, removeExisting, statExisting } from './existing-entries.ts';
import { directoryPath } from './plan/plan-paths.ts';
import { directoryState, directoryWord } from './plan/restore-plan.ts';
import type { WorkerContext } from './worker-context.ts';

/** Closed to others until the metadata of the snapshot is set at the end. */
const modeMeanwhile = 0o700;
const alreadyThere = minusErrno('EEXIST');
/** Two workers may get into each other's way once; more often it is somebody else. */
const maxAttempts = 4;

export class FolderCreation {
  readonly #context: WorkerContext;

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  /** Makes the directory and those above it. @returns its state; `failed` has been reported */
  ensure(directory: number): number {
    const { directories } = this.#context.plan;
    const open: number[] = [];
    for (let at = directory; directories.load(at, directoryWord.state) === directoryState.open; ) {
      open.push(at);
      at = directories.get(at, directoryWord.parent);
    }
    for (let next = open.pop(); next !== undefined; next = open.pop()) this.#make(next);
    return directories.load(directory, directoryWord.state);
  }

  #make(directory: number): void {
    const { directories } = this.#context.plan;
    try {
      const state = this.#makeIn(directories.get(directory, directoryWord.parent), directory);
      // A worker that finds the directory just made by another must not take it for an old one afterwards.
      if (state === directoryState.fresh) directories.set(directory, directoryWord.state, state);
      else directories.replace(directory, directoryWord.state, directoryState.open, state);
    } catch (error) {
      directories.set(directory, directoryWord.state, directoryState.failed);
      this.#context.fail(directoryPath(this.#context.plan, directory), error);
    }
  }

  #makeIn(parent: number, directory: number): number {
    const { plan, rules, folders } = this.#context;
    const parentState = plan.directories.load(parent, directoryWord.state);
    if (parentState === directoryState.failed) return directoryState.failed;
    if (rules.isDryRun && parentState === directoryState.fresh) return directoryState.fresh;
    return this.#makeAt(checkedCall('open', folders.open(parent)), plan.directoryName(directory));
  }

  #makeAt(dirFd: number, name: Uint8Array): number {
    const { libc, rules, stat } = this.#context;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const result = rules.isDryRun ? alreadyThere : libc.mkdirAt(dirFd, name, modeMeanwhile);
      if (result === 0) return directoryState.fresh;
      if (result !== alreadyThere) throw callError('mkdir', result);
      const isThere = statExisting(libc, dirFd, name, stat);
      if (isThere && isDirectoryStat(stat)) {
        if (!rules.isDryRun) makeWorkable(libc, dirFd, name, stat);
        return directoryState.existing;
      }
      if (isThere) this.#makeWay(dirFd, name);
      if (rules.isDryRun) return directoryState.fresh;
    }
    throw new HoldfastError('storage-failed', 'the directory cannot be made: something else appears in its place again and again');
  }

  /** As restic, whatever is no directory gives way; only with `never` it is kept, for that is what the word says. */
  #makeWay(dirFd: number, name: Uint8Array): void {
    const { libc, rules } = this.#context;
    if (rules.overwrite === 'never') {
      throw new HoldfastError(
        'storage-failed',
        'something that is no directory stands where a directory belongs, and nothing may be overwritten',
        {
          hint: 'Move it away, or choose another --overwrite.',
        },
      );
    }
    if (!rules.isDryRun) removeExisting(libc, dirFd, name, false);
  }
}
