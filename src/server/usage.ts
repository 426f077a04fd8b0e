/**
 * How much the repositories of a client take, the trash included. It is counted on the disk when the first file comes, then kept up
 * to date here, and counted again now and then: other processes may write there, too.
 */
import type { Dirent } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Client } from './client.ts';
import { Refusal } from './refusal.ts';

export interface Amount {
  readonly bytes: number;
  readonly files: number;
}

const recountMs = 10 * 60_000;
/** Files whose sizes are asked for at once. */
const filesAtOnce = 32;
/** Without a lock nothing could be removed from a repository that is full. */
const lockSlack: Amount = { bytes: 1 << 20, files: 64 };

export class ClientUsage {
  readonly #client: Client;
  readonly #folders: readonly string[];
  readonly #clock: Clock;
  #counted: Amount = { bytes: 0, files: 0 };
  /** Since the count began. */
  #added: { bytes: number; files: number } = { bytes: 0, files: 0 };
  #reserved: { bytes: number; files: number } = { bytes: 0, files: 0 };
  #counting: Promise<void> | undefined;
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(root: string, client: Client, clock: Clock) {
    this.#client = client;
    this.#folders = withoutNested(client.repositories).map((segments) => join(root, ...segments));
    this.#clock = clock;
  }

  /** Without what is on its way. */
  get known(): Amount {
    return { bytes: Math.max(0, this.#counted.bytes + this.#added.bytes), files: Math.max(0, this.#counted.files + this.#added.files) };
  }

  /** Counted where it was not yet; undefined for a client without a quota of bytes. */
  async bytesOfQuota(): Promise<{ readonly usedBytes: number; readonly quotaBytes: number } | undefined> {
    const quotaBytes = this.#client.quota.bytes;
    if (quotaBytes === undefined) return undefined;
    await this.#count();
    return { usedBytes: this.known.bytes, quotaBytes };
  }

  /**
   * Room for a file that is about to come. @returns ends the reservation: with the bytes that were stored, or none
   * @throws Refusal 507 saying which limit is reached
   */
  async reserve(bytes: number, isLock: boolean): Promise<(stored: number | undefined) => void> {
    const { quota } = this.#client;
    if (quota.bytes === undefined && quota.files === undefined) return () => {};
    await this.#count();
    const slack = isLock ? lockSlack : { bytes: 0, files: 0 };
    const { known } = this;
    this.#assertRoom('bytes', known.bytes + this.#reserved.bytes + bytes, quota.bytes, slack.bytes);
    this.#assertRoom('files', known.files + this.#reserved.files + 1, quota.files, slack.files);
    this.#reserved.bytes += bytes;
    this.#reserved.files++;
    return (stored) => {
      this.#reserved.bytes -= bytes;
      this.#reserved.files--;
      if (stored !== undefined) this.note(stored, 1);
    };
  }

  /** Files that came (or, below zero, went) in another way than by a reservation. */
  note(bytes: number, files: number): void {
    this.#added.bytes += bytes;
    this.#added.files += files;
  }

  async #count(): Promise<void> {
    const isFirst = this.#countedMs === Number.NEGATIVE_INFINITY;
    if (this.#clock.monotonicMs() - this.#countedMs > recountMs) this.#counting ??= this.#recount();
    // The old count serves while a new one is made.
    if (isFirst) await this.#counting;
    else this.#counting?.catch(() => {});
  }

  async #recount(): Promise<void> {
    try {
      const before = { ...this.#added };
      const total = { bytes: 0, files: 0 };
      for (const folder of this.#folders) await addFolder(folder, total);
      // What came during the count may be in it twice until the next one: that errs on the side of the disk.
      this.#counted = total;
      this.#added = { bytes: this.#added.bytes - before.bytes, files: this.#added.files - before.files };
      this.#countedMs = this.#clock.monotonicMs();
    } finally {
      this.#counting = undefined;
    }
  }

  #assertRoom(what: 'bytes' | 'files', wanted: number, limit: number | undefined, slack: number): void {
    if (limit === undefined || wanted <= limit + slack) return;
    const used = this.known[what];
    const unit = what === 'bytes' ? ' bytes' : ' files';
    throw new Refusal(
      507,
      'quota',
      `the quota of ${this.#client.name} is used up: ${used} of ${limit}${unit}; remove old snapshots and prune, or have it raised`,
    );
  }
}

/** Each folder once: of `/a` and `/a/b` the first holds the second. */
function withoutNested(prefixes: readonly (readonly string[])[]): (readonly string[])[] {
  return prefixes.filter(
    (prefix, at) =>
      !prefixes.some(
        (other, otherAt) =>
          otherAt !== at && other.every((name, depth) => name === prefix[depth]) && (other.length < prefix.length || otherAt < at),
      ),
  );
}

async function addFolder(folder: string, total: { bytes: number; files: number }): Promise<void> {
  let batch: Promise<void>[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      batch.push(addEntry(join(folder, entry.name), entry, total));
      if (batch.length < filesAtOnce) continue;
      await Promise.all(batch);
      batch = [];
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  await Promise.all(batch);
}

async function addEntry(path: string, entry: Dirent, total: { bytes: number; files: number }): Promise<void> {
  if (entry.isDirectory()) return await addFolder(path, total);
  if (!entry.isFile()) return;
  try {
    const { size } = await stat(path);
    total.bytes += size;
    total.files++;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
