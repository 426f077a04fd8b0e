/** The data that is backed up. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeLargeFiles } from './large-files.ts';
import { treeSize } from './listing.ts';
import { planSmallFiles, writeSmallFiles } from './small-files.ts';

export const corpusNames = ['small-files', 'usr', 'large-files', 'one-file'] as const;
export type CorpusName = (typeof corpusNames)[number];

export interface Corpus {
  readonly name: CorpusName;
  readonly description: string;
  readonly bytes: number;
  /** What a repository takes of `bytes` at most; for planning room. */
  readonly storedShare: number;
  /** True for data that is made in the place of measuring and may be removed: it can be made again. */
  readonly isGenerated: boolean;
  /** Where it is when the place of measuring is this folder. */
  pathIn(folder: string): string;
  /** Makes it there unless it is there. */
  ensure(folder: string): void;
}

const smallFileCount = 135_000;
const largeFileCount = 40;
const largeFileBytes = 64 * 1024 * 1024;
const oneFileBytes = 8_000_000_000;
// Sealing and the index add less than this to incompressible data.
const incompressibleShare = 1.02;

/** @param scale 1 for the full size */
export function makeCorpus(name: CorpusName, scale: number): Corpus {
  if (name === 'usr') return systemFolder();
  if (name === 'small-files') return smallFiles(Math.max(1, Math.round(smallFileCount * scale)));
  if (name === 'one-file') return largeFiles(name, [Math.max(1, Math.round(oneFileBytes * scale))]);
  // Files stay large, there are fewer of them; below one file that one becomes smaller.
  const count = Math.max(1, Math.round(largeFileCount * scale));
  return largeFiles(
    name,
    Array.from({ length: count }, () => Math.round(largeFileBytes * Math.min(1, largeFileCount * scale))),
  );
}

function smallFiles(count: number): Corpus {
  const plan = planSmallFiles(count);
  const description = `${count.toLocaleString('en-US')} mixed small files in ${plan.folders.length.toLocaleString('en-US')} folders`;
  return generated('small-files', description, plan.totalBytes, 0.6, (root) => writeSmallFiles(root, plan));
}

function largeFiles(name: CorpusName, sizesBytes: readonly number[]): Corpus {
  const bytes = sizesBytes.reduce((sum, size) => sum + size, 0);
  const description = name === 'one-file' ? 'one incompressible file' : `large incompressible files, ${sizesBytes.length} of them`;
  return generated(name, description, bytes, incompressibleShare, (root) => writeLargeFiles(root, sizesBytes));
}

function generated(name: CorpusName, description: string, bytes: number, storedShare: number, write: (root: string) => void): Corpus {
  const pathIn = (folder: string) => join(folder, 'corpus', name);
  const ensure = (folder: string) => {
    if (!existsSync(pathIn(folder))) write(pathIn(folder));
  };
  return { name, description, bytes, storedShare, isGenerated: true, pathIn, ensure };
}

function systemFolder(): Corpus {
  const { bytes, entries } = treeSize('/usr');
  const description = `/usr of this machine, ${entries.toLocaleString('en-US')} entries`;
  return { name: 'usr', description, bytes, storedShare: 0.6, isGenerated: false, pathIn: () => '/usr', ensure: () => {} };
}
