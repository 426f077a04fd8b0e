/**
 * Files of the repository before they have their names: `<repository>/tmp/<host>-<process id>-<random>-<number>`. Nobody lists that folder. What
 * a killed process left there, a later one of the same host removes after a day, whose of others after a week; by the clock of the server.
 */
import { hostname } from 'node:os';
import { posix } from 'node:path';
import type { Randomness } from '../../base/clock.ts';
import { processPresence } from '../../base/process-presence.ts';
import { openFlags, type SftpChannel } from './sftp-channel.ts';
import { isStatus } from './sftp-status.ts';

const randomBytes = 8;
const secondsPerDay = 86_400;
/** A day is far beyond any pack's way: a file that is being written is younger. */
const leftoverSeconds = secondsPerDay;
/** Processes of another host cannot be asked whether they live, so theirs must have rested much longer. */
const foreignLeftoverSeconds = 7 * secondsPerDay;

export class TemporaryFiles {
  readonly #folder: string;
  readonly #prefix: string;
  readonly #mine = new Set<string>();
  #prepared: Promise<void> | undefined;
  #count = 0;

  /** @param root the repository */
  constructor(root: string, random: Randomness) {
    const suffix = Buffer.alloc(randomBytes);
    random.fill(suffix);
    this.#folder = posix.join(root, 'tmp');
    this.#prefix = `${encodeURIComponent(hostname())}-${process.pid}-${suffix.toString('hex')}`;
  }

  /** A new path, beside `neighbour` if one is given: then a rename crosses no border between file systems. */
  async newPath(channel: SftpChannel, folderMode: number, neighbour?: string): Promise<string> {
    const name = `${this.#prefix}-${this.#count++}`;
    if (neighbour === undefined) await this.prepare(channel, folderMode);
    const path = neighbour === undefined ? posix.join(this.#folder, name) : `${neighbour}-tmp-${name}`;
    this.#mine.add(path);
    return path;
  }

  /** It has its name, or was removed. */
  forget(path: string): void {
    this.#mine.delete(path);
  }

  /** The folder must be made again: somebody removed it. */
  lost(): void {
    this.#prepared = undefined;
  }

  /** What calls that were cancelled left behind. */
  get leftBehind(): readonly string[] {
    return [...this.#mine];
  }

  /** Makes the folder, once. */
  prepare(channel: SftpChannel, folderMode: number): Promise<void> {
    this.#prepared ??= this.#makeFolder(channel, folderMode).catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #makeFolder(channel: SftpChannel, mode: number): Promise<void> {
    try {
      await channel.makeFolder(this.#folder, mode);
    } catch (error) {
      // "failure" is what servers say when there is one; some say that it is denied. Whether it is usable shows at once.
      if (!isStatus(error, 'failure', 'denied')) throw error;
      await this.#removeLeftovers(channel).catch((failure: unknown) => {
        if (!channel.isUsable) throw failure;
      });
    }
  }

  /** Cleaning is a courtesy: whatever fails here is no reason to refuse a backup. */
  async #removeLeftovers(channel: SftpChannel): Promise<void> {
    const handle = await channel.openFolder(this.#folder);
    const found: { path: string; name: string; changed: number }[] = [];
    for (let entries = await channel.readFolder(handle); entries !== undefined; entries = await channel.readFolder(handle)) {
      for (const { filename: name, attrs } of entries) {
        if (ownerOf(name) !== undefined) found.push({ path: posix.join(this.#folder, name), name, changed: attrs.mtime });
      }
    }
    await channel.close(handle);
    if (found.length === 0) return;
    const now = await this.serverSeconds(channel);
    for (const { path, name, changed } of found) if (isLeftover(name, now - changed)) await channel.remove(path);
  }

  /** What the server's clock shows, in seconds since 1970: the time of a file that is written now. */
  async serverSeconds(channel: SftpChannel): Promise<number> {
    const path = posix.join(this.#folder, `${this.#prefix}-clock`);
    const handle = await channel.open(path, openFlags.write | openFlags.create, 0o600);
    await channel.close(handle);
    const { mtime } = await channel.stat(path);
    await channel.remove(path);
    return mtime;
  }
}

function isLeftover(name: string, ageSeconds: number): boolean {
  const owner = ownerOf(name);
  if (owner === undefined) return false;
  const presence = owner.host === hostname() ? processPresence(owner.pid) : 'unknown';
  return presence !== 'alive' && ageSeconds > (presence === 'gone' ? leftoverSeconds : foreignLeftoverSeconds);
}

function ownerOf(name: string): { readonly host: string; readonly pid: number } | undefined {
  const [, host, pid] = /^(.*)-(\d{1,10})-[0-9a-f]{16}-(?:\d+|clock)$/.exec(name) ?? [];
  if (host === undefined || pid === undefined) return undefined;
  try {
    return { host: decodeURIComponent(host), pid: Number(pid) };
  } catch {
    return undefined;
  }
}
