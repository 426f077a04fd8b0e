/** A folder of files that no compressor makes smaller, the same in every run. */
import { closeSync, mkdirSync, openSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { incompressibleBytes } from './random.ts';

const stepBytes = 4 * 1024 * 1024;
const modifiedSeconds = Date.UTC(2024) / 1000;

export function writeLargeFiles(root: string, sizesBytes: readonly number[]): void {
  mkdirSync(root, { recursive: true });
  for (const [index, sizeBytes] of sizesBytes.entries())
    writeLargeFile(join(root, `${index}.bin`), sizeBytes, `${index} of ${sizesBytes.length}`);
  utimesSync(root, modifiedSeconds, modifiedSeconds);
}

function writeLargeFile(path: string, sizeBytes: number, label: string): void {
  const bytes = incompressibleBytes(label);
  const file = openSync(path, 'wx');
  try {
    for (let done = 0; done < sizeBytes; done += stepBytes) writeFully(file, bytes(Math.min(stepBytes, sizeBytes - done)));
  } finally {
    closeSync(file);
  }
  utimesSync(path, modifiedSeconds, modifiedSeconds);
}

function writeFully(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
