/** A tree as a list of lines, one for each entry with all that a restore must bring back; and its size. */
import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

const slash = Buffer.from('/');
const readBuffer = Buffer.allocUnsafe(4 * 1024 * 1024);

/** Reads everything below `root`. Sockets are left out, as backups leave them out. Names are any bytes, shown as Latin-1. */
export function listTree(root: string): string[] {
  const lines: string[] = [];
  visit(Buffer.from(root), (path, state) => {
    if (!state.isSocket()) lines.push(describe(path, root.length, state));
  });
  return lines;
}

/** Bytes and number of all entries. */
export function treeSize(root: string): { bytes: number; entries: number } {
  let bytes = 0;
  let entries = 0;
  visit(Buffer.from(root), (_path, state) => {
    entries += 1;
    if (state.isFile()) bytes += Number(state.size);
  });
  return { bytes, entries };
}

/** The first line in which two lists differ, as `expected` and `found`. */
export function firstDifference(expected: readonly string[], found: readonly string[]): string | undefined {
  const index = expected.findIndex((line, at) => line !== found[at]);
  if (index >= 0) return `expected ${expected[index]}, found ${found[index] ?? 'nothing'}`;
  return found.length > expected.length ? `found in surplus: ${found[expected.length]}` : undefined;
}

function visit(path: Buffer, use: (path: Buffer, state: BigIntStats) => void): void {
  const state = lstatSync(path, { bigint: true });
  use(path, state);
  if (!state.isDirectory()) return;
  const names = readdirSync(path, { encoding: 'buffer' });
  for (const name of names.sort((a, b) => Buffer.compare(a, b))) visit(Buffer.concat([path, slash, name]), use);
}

function describe(path: Buffer, rootLength: number, state: BigIntStats): string {
  const owner = process.getuid?.() === 0 ? `${state.uid}:${state.gid}` : 'own';
  const name = path.toString('latin1').slice(rootLength);
  const content = state.isFile() ? digestOf(path, state.size) : state.isSymbolicLink() ? readlinkSync(path, 'latin1') : String(state.rdev);
  return `${name} ${state.mode.toString(8)} ${owner} ${state.mtimeNs} ${content}`;
}

function digestOf(path: Buffer, size: bigint): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  try {
    for (let left = size > 0n; left; ) {
      const length = readSync(file, readBuffer);
      hash.update(readBuffer.subarray(0, length));
      left = length > 0;
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
