/** What the file system of a folder tells: its room, and its clock, which is another machine's where the folder is mounted from one. */
import { open, stat, statfs, unlink } from 'node:fs/promises';
import type { StatsFs } from 'node:fs';
import { dirname, join } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import type { Clock } from '../../base/clock.ts';
import type { ClockOptions, ClockReading, StorageInspection, StorageSpace } from '../inspection.ts';
import { asSystemWork, isErrno } from './system-errors.ts';

/** Times of files are as coarse as a tick of the kernel, and in whole seconds on some file systems. */
const coarsenessMs = 1_000;

export class LocalInspection implements StorageInspection {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #stagingFolder: (options: ClockOptions) => Promise<string>;

  constructor(root: string, clock: Clock, stagingFolder: (options: ClockOptions) => Promise<string>) {
    this.#root = root;
    this.#clock = clock;
    this.#stagingFolder = stagingFolder;
  }

  /** Where there is no folder yet: of the file system in which it would be made. */
  async space(): Promise<StorageSpace> {
    return await asSystemWork(async () => {
      const { bavail, bfree, blocks, bsize, ffree } = await statfsAbove(this.#root);
      // Some file systems count no files: they have room for as many as fit.
      const files = ffree > 0 ? { freeFiles: ffree } : {};
      return { freeBytes: bavail * bsize, totalBytes: (blocks - bfree + bavail) * bsize, ...files };
    });
  }

  async clock(options: ClockOptions): Promise<ClockReading | undefined> {
    throwIfCancelled(options.signal);
    if (!options.mayWrite) return undefined;
    return await asSystemWork(async () => {
      const path = join(await this.#stagingFolder(options), 'time');
      const before = this.#nowMs();
      await (await open(path, 'w')).close();
      const { mtimeMs } = await stat(path);
      const after = this.#nowMs();
      await unlink(path);
      return { aheadMs: mtimeMs - (before + after) / 2, toleranceMs: coarsenessMs + (after - before) / 2 };
    });
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / 1_000_000n);
  }
}

async function statfsAbove(path: string): Promise<StatsFs> {
  try {
    return await statfs(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || dirname(path) === path) throw error;
    return await statfsAbove(dirname(path));
  }
}
