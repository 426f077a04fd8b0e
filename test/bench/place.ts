/** A folder to measure in: how much room it has, and what kind of file system it is on. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchOptions, PlaceName } from './bench-options.ts';

export interface Place {
  readonly name: PlaceName;
  readonly folder: string;
  readonly fileSystem: string;
  readonly rounds: number;
}

const GiB = 1024 ** 3;
const diskReserveBytes = GiB;
// A tmpfs takes the memory that the programs themselves and what else runs need too.
const memoryReserveBytes = 3 * GiB;

/** @throws Error where the folder is on no file system of that kind */
export function openPlace({ name, parent, rounds }: BenchOptions['places'][number]): Place {
  const fileSystem = spawnSync('stat', ['--file-system', '--format', '%T', parent], { encoding: 'utf8' }).stdout.trim();
  const isMemory = fileSystem === 'tmpfs' || fileSystem === 'ramfs';
  if (isMemory !== (name === 'memory')) {
    const option = name === 'memory' ? '--memory FOLDER on a tmpfs' : '--work FOLDER on a disk';
    throw new Error(`${parent} is on ${fileSystem}: give ${option}, or measure only the other place (--place)`);
  }
  return {
    name,
    folder: mkdtempSync(join(parent, 'holdfast-bench-')),
    fileSystem: fileSystem === 'ext2/ext3' ? 'ext2/3/4' : fileSystem,
    rounds,
  };
}

export function closePlace({ folder }: Place): void {
  spawnSync('chmod', ['-R', 'u+rwx', folder]);
  rmSync(folder, { recursive: true, force: true });
}

export function freeBytes({ name, folder }: Place): number {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (name === 'disk') return free - diskReserveBytes;
  const available = availableMemory();
  return Math.min(free, available - Math.min(memoryReserveBytes, available / 2));
}

function availableMemory(): number {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/mu.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return Number(kibibytes ?? 0) * 1024;
}

/** What a program left to be written must not slow down the next one. */
export function settleDisk({ name, folder }: Place): void {
  if (name === 'disk') spawnSync('sync', ['--file-system', folder]);
}

export function removeTree(path: string): void {
  spawnSync('chmod', ['-R', 'u+rwx', path]);
  spawnSync('rm', ['-rf', '--', path]);
}
