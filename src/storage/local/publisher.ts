/**
 * Turns a finished temporary file into a file of the repository, durably.
 *
 * The order makes a kill or a power cut safe at every point: (1) fsync of the file's bytes, (2) rename, which the file system
 * does whole or not at all, (3) fsync of the folder, so that the new name survives. Before 2 only a temporary file exists,
 * which nobody lists. After 2 the file is complete. Only after 3 does the caller go on to write files that refer to this one.
 */
import { copyFile, type FileHandle, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { configFile, existingRepositoryError } from '../backend.ts';
import { pathSegments } from '../default-layout.ts';
import { type FolderSync, syncHandle } from './folder-sync.ts';
import type { Modes } from './modes.ts';
import { isErrno } from './system-errors.ts';

/** File systems without hard links, or with a limit on them. */
const linkIsUnknown = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'];
/** File systems that do not let modes be changed: the modes are a convenience, see restic's local backend. */
const modeIsFixed = ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

export class Publisher {
  readonly #root: string;
  readonly #folders: FolderSync;

  constructor(root: string, folders: FolderSync) {
    this.#root = root;
    this.#folders = folders;
  }

  /** The temporary file takes its place at `target`, over an equal one if there is one. */
  async publish(stagedPath: string, target: string, modes: Modes): Promise<void> {
    await this.#renameIntoPlace(stagedPath, target, modes);
    await this.#folders.sync(dirname(target));
  }

  /** As `publish`, but fails with `repository-exists` where there is a file already: of several callers one wins. */
  async publishOnce(stagedPath: string, target: string, modes: Modes): Promise<void> {
    try {
      await link(stagedPath, target);
      await unlink(stagedPath);
    } catch (error) {
      if (isErrno(error, 'EEXIST')) throw existingRepositoryError(this.#root);
      if (!isErrno(error, ...linkIsUnknown)) throw error;
      await this.#renameUnlessThere(stagedPath, target, modes);
    }
    await this.#folders.sync(dirname(target));
  }

  /** The second best: two processes in the same instant could both pass the test. */
  async #renameUnlessThere(stagedPath: string, target: string, modes: Modes): Promise<void> {
    if (await isThere(target)) throw existingRepositoryError(this.#root);
    await this.#renameIntoPlace(stagedPath, target, modes);
  }

  async #renameIntoPlace(stagedPath: string, target: string, modes: Modes): Promise<void> {
    try {
      await rename(stagedPath, target);
    } catch (error) {
      if (isErrno(error, 'EXDEV')) return copyIntoPlace(stagedPath, target, modes);
      if (!isErrno(error, 'ENOENT')) throw error;
      // Another call may have made it meanwhile; where something else is missing, the second attempt fails in the same way.
      if (!(await isThere(dirname(target)))) await this.#createFolder(dirname(target), modes);
      await rename(stagedPath, target);
    }
  }

  /** Somebody removed an empty folder of the layout. An unplugged disk looks alike, but then the config is missing too. */
  async #createFolder(folder: string, modes: Modes): Promise<void> {
    await lstat(join(this.#root, ...pathSegments(configFile)));
    await mkdir(folder, { recursive: true, mode: modes.folder });
    await this.#folders.sync(dirname(folder));
  }
}

/** Writes out an open file's bytes and gives it the mode of a finished one. Closes it. */
export async function finish(handle: FileHandle, modes: Modes): Promise<void> {
  try {
    await handle.chmod(modes.file).catch((error: unknown) => {
      if (!isErrno(error, ...modeIsFixed)) throw error;
    });
    await syncHandle(handle);
  } finally {
    await handle.close();
  }
}

/** A folder of the layout stands on another file system (a link, a mount): the rename must start next to the target. */
async function copyIntoPlace(stagedPath: string, target: string, modes: Modes): Promise<void> {
  const neighbour = join(dirname(target), `${basename(target)}-tmp-${basename(stagedPath)}`);
  try {
    await copyFile(stagedPath, neighbour);
    await finish(await open(neighbour, 'r'), modes);
    await rename(neighbour, target);
  } catch (error) {
    await unlink(neighbour).catch(() => {});
    throw error;
  }
  await unlink(stagedPath);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
