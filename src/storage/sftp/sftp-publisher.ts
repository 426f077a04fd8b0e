/**
 * Makes a file of the repository out of bytes, durably and all at once, in the order of the local backend: written under a temporary name, synced,
 * renamed, and its folder synced. What the server has no extension for is left out or done in the protocol's own, weaker way.
 */
import { posix } from 'node:path';
import { type StoredFile, configFile } from '../backend.ts';
import { pathSegments } from '../default-layout.ts';
import { type Handle, openFlags, type SftpChannel } from './sftp-channel.ts';
import { isStatus } from './sftp-status.ts';
import { type UploadSource, upload } from './sftp-transfer.ts';
import type { TemporaryFiles } from './temporary-files.ts';

/** Permission bits as restic chooses them: for the group too where the group may read the config. Finished files are read-only. */
export interface Modes {
  readonly folder: number;
  readonly file: number;
}

export const ownerModes: Modes = { folder: 0o700, file: 0o400 };
const groupModes: Modes = { folder: 0o770, file: 0o440 };
const groupMayRead = 0o040;
const ownerMayWrite = 0o200;

export function modesLike(configMode: number): Modes {
  return (configMode & groupMayRead) === 0 ? ownerModes : groupModes;
}

/** How a temporary file gets its name. exists: there is a file, which was not touched. */
type Naming = 'done' | 'exists';

export class SftpPublisher {
  readonly #root: string;
  readonly #temporary: TemporaryFiles;
  /** A folder of the layout stands on another file system than `tmp`: temporary names are made beside the final ones. */
  #isSplit = false;
  #syncsFolders = true;

  constructor(root: string, temporary: TemporaryFiles) {
    this.#root = root;
    this.#temporary = temporary;
  }

  /** Over an equal file if there is one. */
  async publish(channel: SftpChannel, file: StoredFile, source: UploadSource, modes: Modes): Promise<void> {
    const target = this.#pathOf(file);
    await this.#throughTemporary(channel, file, source, modes, async (staged) => {
      if ((await this.#rename(channel, staged, target, modes)) === 'exists')
        await this.#replaceUnlessSame(channel, staged, target, source.sizeBytes);
    });
  }

  /** @returns false where there is a config already, which is left as it is: of several callers one wins */
  async publishConfig(channel: SftpChannel, source: UploadSource, modes: Modes): Promise<boolean> {
    let isFirst = true;
    await this.#throughTemporary(channel, configFile, source, modes, async (staged) => {
      isFirst = (await this.#nameOnce(channel, staged, this.#pathOf(configFile))) === 'done';
      if (!isFirst) await this.#drop(channel, staged);
    });
    return isFirst;
  }

  /** A name that is gone stays gone. Servers without the extension, or that open no folders, promise nothing. */
  async syncFolder(channel: SftpChannel, folder: string): Promise<void> {
    if (!this.#syncsFolders || !channel.has('fsync')) return;
    try {
      const handle = await channel.open(folder, openFlags.read);
      try {
        await channel.sync(handle);
      } finally {
        void channel.close(handle).catch(() => {});
      }
    } catch (error) {
      // Of a folder, "failure" is that it cannot be opened like a file.
      if (!isStatus(error, 'denied', 'unsupported', 'badMessage', 'failure')) throw error;
      this.#syncsFolders = false;
    }
  }

  /** An empty folder of the layout was removed. A disk that is not mounted looks alike, but then the config is missing, too. */
  async makeFolder(channel: SftpChannel, folder: string, modes: Modes): Promise<void> {
    await channel.stat(this.#pathOf(configFile));
    for (const path of [posix.dirname(folder), folder]) {
      await channel.makeFolder(path, modes.folder).catch((error: unknown) => {
        if (!isStatus(error, 'failure', 'denied')) throw error;
      });
    }
    await this.syncFolder(channel, posix.dirname(folder));
  }

  #pathOf(file: StoredFile): string {
    return posix.join(this.#root, ...pathSegments(file));
  }

  async #throughTemporary(
    channel: SftpChannel,
    file: StoredFile,
    source: UploadSource,
    modes: Modes,
    name: (staged: string) => Promise<void>,
  ): Promise<void> {
    const target = this.#pathOf(file);
    const staged = await this.#stage(channel, file, source, modes);
    try {
      await name(staged);
      await this.syncFolder(channel, posix.dirname(target));
    } catch (error) {
      if (isStatus(error, 'failure')) this.#isSplit = true;
      if (channel.isUsable) await this.#drop(channel, staged).catch(() => {});
      throw error;
    }
    this.#temporary.forget(staged);
  }

  /** @returns the path of the finished, durable temporary file */
  async #stage(channel: SftpChannel, file: StoredFile, source: UploadSource, modes: Modes): Promise<string> {
    const target = this.#pathOf(file);
    const [staged, handle] = await this.#create(channel, this.#isSplit ? target : undefined, target, modes);
    try {
      await upload(channel, handle, source);
      await this.#finish(channel, handle, modes);
      return staged;
    } catch (error) {
      if (channel.isUsable) {
        await channel.close(handle).catch(() => {});
        await this.#drop(channel, staged).catch(() => {});
      }
      throw error;
    }
  }

  async #create(channel: SftpChannel, neighbour: string | undefined, target: string, modes: Modes): Promise<[string, Handle]> {
    const flags = openFlags.write | openFlags.create | openFlags.exclusive;
    const path = await this.#temporary.newPath(channel, modes.folder, neighbour);
    try {
      return [path, await channel.open(path, flags, modes.file | ownerMayWrite)];
    } catch (error) {
      this.#temporary.forget(path);
      if (!isStatus(error, 'missing')) throw error;
    }
    if (neighbour === undefined) this.#temporary.lost();
    else await this.makeFolder(channel, posix.dirname(target), modes);
    const again = await this.#temporary.newPath(channel, modes.folder, neighbour);
    return [again, await channel.open(again, flags, modes.file | ownerMayWrite)];
  }

  /** The bytes are durable, and the server has no error to tell, when this ends. Modes are a convenience that some servers do not have. */
  async #finish(channel: SftpChannel, handle: Handle, modes: Modes): Promise<void> {
    await channel.setMode(handle, modes.file).catch((error: unknown) => {
      if (!isStatus(error, 'denied', 'unsupported', 'failure', 'badMessage')) throw error;
    });
    if (channel.has('fsync')) {
      await channel.sync(handle).catch((error: unknown) => {
        // An extension that a server announces and then forbids.
        if (!isStatus(error, 'denied', 'unsupported')) throw error;
      });
    }
    await channel.close(handle);
  }

  async #rename(channel: SftpChannel, staged: string, target: string, modes: Modes): Promise<Naming> {
    const move = async (): Promise<void> =>
      await (channel.has('posix-rename') ? channel.replace(staged, target) : channel.rename(staged, target));
    try {
      await move();
      return 'done';
    } catch (error) {
      if (isStatus(error, 'missing')) {
        await this.makeFolder(channel, posix.dirname(target), modes);
        await move();
        return 'done';
      }
      if (isStatus(error, 'failure', 'denied') && !channel.has('posix-rename') && (await isThere(channel, target))) return 'exists';
      throw error;
    }
  }

  /** A second name can only be given where there is none; so can, by the protocol, a new one in place of the old. */
  async #nameOnce(channel: SftpChannel, staged: string, target: string): Promise<Naming> {
    if (channel.has('hardlink')) {
      try {
        await channel.link(staged, target);
        await this.#drop(channel, staged);
        return 'done';
      } catch (error) {
        if (!isStatus(error, 'failure', 'denied', 'unsupported', 'badMessage')) throw error;
      }
    }
    if (await isThere(channel, target)) return 'exists';
    try {
      await channel.rename(staged, target);
      return 'done';
    } catch (error) {
      if (isStatus(error, 'failure', 'denied') && (await isThere(channel, target))) return 'exists';
      throw error;
    }
  }

  /** Names are digests: a file of the same size is the same, and one of another size is a damaged one. A config is meant to be replaced. */
  async #replaceUnlessSame(channel: SftpChannel, staged: string, target: string, sizeBytes: number): Promise<void> {
    const isConfig = target === this.#pathOf(configFile);
    if (!isConfig && (await channel.stat(target)).size === sizeBytes) return await this.#drop(channel, staged);
    await channel.remove(target);
    await channel.rename(staged, target);
  }

  async #drop(channel: SftpChannel, staged: string): Promise<void> {
    await channel.remove(staged);
    this.#temporary.forget(staged);
  }
}

export async function isThere(channel: SftpChannel, path: string): Promise<boolean> {
  try {
    await channel.stat(path);
    return true;
  } catch (error) {
    if (isStatus(error, 'missing')) return false;
    throw error;
  }
}
