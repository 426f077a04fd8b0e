/** fsync of files and folders, with one fsync of a folder for all changes that wait for it at the same time. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isErrno } from './system-errors.ts';

/** Some file systems (FUSE, SMB, exFAT) have no fsync, or none for folders: then there is nothing more to be had. */
const fsyncIsUnknown = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOTTY', 'ENOSYS'];

export async function syncHandle(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if (!isErrno(error, ...fsyncIsUnknown)) throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await syncHandle(handle);
  } finally {
    await handle.close();
  }
}

/**
 * Makes entries of folders durable. Renames into one folder that land while its fsync runs share the next one: a round that
 * has not begun covers everything renamed so far, a round that runs covers nothing new.
 */
export class FolderSync {
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #syncFolder: (folder: string) => Promise<void>;

  constructor(sync: (folder: string) => Promise<void> = syncFolder) {
    this.#syncFolder = sync;
  }

  /** Resolves when every change made in the folder before this call is durable. */
  sync(folder: string): Promise<void> {
    const waiting = this.#waiting.get(folder);
    if (waiting !== undefined) return waiting;
    const round = this.#afterRunning(folder).then(() => this.#run(folder));
    this.#waiting.set(folder, round);
    return round;
  }

  async #afterRunning(folder: string): Promise<void> {
    try {
      await this.#running.get(folder);
    } catch {
      // Its own callers were told. This round tries anew.
    }
  }

  async #run(folder: string): Promise<void> {
    this.#waiting.delete(folder);
    const round = this.#syncFolder(folder);
    this.#running.set(folder, round);
    try {
      await round;
    } finally {
      if (this.#running.get(folder) === round) this.#running.delete(folder);
    }
  }
}
