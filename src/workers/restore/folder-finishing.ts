/** Sets the metadata of directories once nothing more changes in them. */
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../posix/constants.ts';
import { checkedCall } from './call-error.ts';
import { loadMetadata } from './metadata.ts';
import { directoryPath } from './plan/plan-paths.ts';
import { directoryWord } from './plan/restore-plan.ts';
import type { WorkerContext } from './worker-context.ts';

const openFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/** @param order deepest first: afterwards a directory may be closed even to its owner */
export function finishFolders(context: WorkerContext, order: Uint32Array): void {
  for (const directory of order) {
    context.throwIfStopped();
    try {
      if (!context.rules.isDryRun) finishFolder(context, directory);
      context.countRestored('restored', () => directoryPath(context.plan, directory), 0);
    } catch (error) {
      context.fail(directoryPath(context.plan, directory), error);
    }
  }
  context.flushItems();
}

function finishFolder({ libc, folders, plan, setter }: WorkerContext, directory: number): void {
  const parentFd = checkedCall('open', folders.open(plan.directories.get(directory, directoryWord.parent)));
  const fd = checkedCall('open', libc.openAt(parentFd, plan.directoryName(directory), openFlags, 0));
  try {
    setter.setOnDirectory(fd, loadMetadata(plan.directories, directory, plan.heap));
  } finally {
    libc.close(fd);
  }
}
