/**
 * Where files are written before they become files of the repository: `<parent>/<host>-<process id>-<random>/`.
 *
 * For a repository in a folder the parent is `<repository>/tmp`, because a rename works inside one file system only; nobody lists it. For
 * one that is far away it is this machine's folder for temporary files, which others use too: there the names begin with a word of
 * our own. So a killed process leaves nothing that could be taken for a file of the repository, and what it does leave, a later
 * process of the same host removes.
 */
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock, Randomness } from '../base/clock.ts';
import { processPresence } from '../base/process-presence.ts';

const randomBytes = 8;
const msPerDay = 86_400_000;

/** A day is far beyond any pack's way from the first byte to its rename: the folder of a working process is younger. */
const leftoverAgeMs = msPerDay;
/** Processes of another host cannot be asked whether they live, so theirs must have rested much longer. */
const foreignLeftoverAgeMs = 7 * msPerDay;

export interface StagingAreaOptions {
  /** The folder above those of the processes. */
  readonly parent: string;
  /** Whether the parent is made where it is missing. Not its parents: where a disk was unplugged, nothing must be made in its place. */
  readonly makesParent: boolean;
  /** Beginning of the names of the processes' folders. */
  readonly prefix?: string;
  /** How long the folder of a process that is gone must have rested; a day unless told. */
  readonly leftoverAgeMs?: number;
  readonly clock: Clock;
  readonly random: Randomness;
}

export class StagingArea {
  readonly #options: StagingAreaOptions;
  #folder: Promise<string> | undefined;

  constructor(options: StagingAreaOptions) {
    this.#options = options;
  }

  /** Path of this process's own folder, made at the first call with the given mode. */
  folder(mode: number): Promise<string> {
    this.#folder ??= this.#create(mode).catch((error: unknown) => {
      this.#folder = undefined;
      throw error;
    });
    return this.#folder;
  }

  /** Removes the folder with whatever is left in it. */
  async close(): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined);
    this.#folder = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  async #create(mode: number): Promise<string> {
    const { parent, makesParent, prefix = '', random } = this.#options;
    if (makesParent) await mkdir(parent, { mode }).catch(ignoreExisting);
    await this.#removeLeftovers(parent, prefix);
    const folder = join(parent, prefix + ownName(random));
    await mkdir(folder, { mode });
    return folder;
  }

  /** Cleaning is a courtesy: whatever fails here is no reason to refuse a backup. */
  async #removeLeftovers(parent: string, prefix: string): Promise<void> {
    for (const name of await readdir(parent).catch(() => [])) {
      const path = join(parent, name);
      if (!name.startsWith(prefix)) continue;
      if (await this.#isLeftover(path, name.slice(prefix.length))) await rm(path, { recursive: true, force: true }).catch(() => {});
    }
  }

  async #isLeftover(path: string, name: string): Promise<boolean> {
    const owner = parseOwner(name);
    if (owner === undefined) return false;
    const found = await lstat(path).catch(() => undefined);
    // In a folder that many write to, the same name may be anything of somebody else's.
    if (found?.isDirectory() !== true || (process.getuid !== undefined && found.uid !== process.getuid())) return false;
    const ageMs = Number(this.#options.clock.nowNs() / 1_000_000n) - found.mtimeMs;
    const presence = owner.host === hostname() ? processPresence(owner.pid) : 'unknown';
    const goneAgeMs = this.#options.leftoverAgeMs ?? leftoverAgeMs;
    return ageMs > (presence === 'gone' ? goneAgeMs : foreignLeftoverAgeMs) && presence !== 'alive';
  }
}

function ownName(random: Randomness): string {
  const suffix = Buffer.alloc(randomBytes);
  random.fill(suffix);
  return `${encodeURIComponent(hostname())}-${process.pid}-${suffix.toString('hex')}`;
}

function parseOwner(name: string): { readonly host: string; readonly pid: number } | undefined {
  const match = /^(.*)-(\d{1,10})-[0-9a-f]{16}$/.exec(name);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  try {
    return { host: decodeURIComponent(match[1]), pid: Number(match[2]) };
  } catch {
    return undefined;
  }
}

function ignoreExisting(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}
