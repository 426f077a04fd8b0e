/** Gives files their further names. */
import { HoldfastError } from '../../base/errors.ts';
import { minusErrno } from '../../posix/errno.ts';
import { checkedCall } from './call-error.ts';
import { removeExisting } from './existing-entries.ts';
import { filePath, readablePath } from './plan/plan-paths.ts';
import { fileFlag, fileWord } from './plan/restore-plan.ts';
import type { WorkerContext } from './worker-context.ts';

const alreadyThere = minusErrno('EEXIST');

/** @param pairs the file that becomes a link, the file it is a link to */
export function makeLinks(context: WorkerContext, pairs: Uint32Array): void {
  for (let at = 0; at < pairs.length; at += 2) {
    context.throwIfStopped();
    const [file = 0, first = 0] = pairs.subarray(at, at + 2);
    try {
      makeLink(context, file, first);
    } catch (error) {
      context.failFile(file, error);
    }
  }
  context.flushItems();
}

function makeLink(context: WorkerContext, file: number, first: number): void {
  const { libc, plan, folders, rules } = context;
  if (plan.hasFlag(first, fileFlag.failed)) throw unfinished(readablePath(filePath(plan, first)));
  if (!rules.isDryRun) {
    const dirFd = checkedCall('open', folders.open(plan.files.get(file, fileWord.directory)));
    // Opening the second directory may close the first, but not the one that was opened just before.
    const firstDirFd = checkedCall('open', folders.open(plan.files.get(first, fileWord.directory)));
    const link = (): number => libc.linkAt(firstDirFd, plan.fileName(first), dirFd, plan.fileName(file), 0);
    let result = link();
    if (result === alreadyThere) {
      removeExisting(libc, dirFd, plan.fileName(file), rules.removesUnexpected);
      result = link();
    }
    checkedCall('link', result);
  }
  context.countRestored('restored', () => filePath(plan, file), 0);
}

function unfinished(path: string): HoldfastError {
  return new HoldfastError('storage-failed', `it is another name of ${path}, which could not be restored`);
}
