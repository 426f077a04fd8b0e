/** A tree of many small files of mixed kinds, the same in every run. */
import { lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type ContentKind, Contents } from './contents.ts';
import { normal, randomNumbers } from './random.ts';

export interface PlannedFile {
  readonly path: string;
  readonly kind: ContentKind | 'link';
  readonly sizeBytes: number;
  /** Decides the content; files with the same kind, size and seed are copies. */
  readonly seed: number;
  readonly modifiedSeconds: number;
}

export interface PlannedTree {
  /** In an order in which each one's parent comes first. */
  readonly folders: readonly string[];
  readonly files: readonly PlannedFile[];
  readonly totalBytes: number;
}

const treeSeed = 20_261_121;
const filesPerFolder = 17;
// Sizes of files are spread like a log-normal distribution: with this median and deviation the mean is about 12 KiB.
const medianBytes = 4096;
const deviation = 1.5;
const largestBytes = 4 * 1024 * 1024;
const deepestFolder = 9;
const yearSeconds = 31_557_600;
const firstModified = Date.UTC(2024) / 1000;
const words = [
  'alpha',
  'build',
  'cache',
  'data',
  'etc',
  'form',
  'graph',
  'home',
  'index',
  'job',
  'kit',
  'lib',
  'main',
  'note',
  'old',
  'page',
];
const extensions: Readonly<Record<ContentKind, readonly string[]>> = {
  text: ['txt', 'ts', 'md', 'json', 'html', 'conf'],
  records: ['db', 'o', 'idx', 'bin'],
  dense: ['png', 'gz', 'jpg', 'zip'],
};

export function planSmallFiles(fileCount: number): PlannedTree {
  const next = randomNumbers(treeSeed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const folders = [''];
  for (let index = 1; index < Math.max(1, fileCount / filesPerFolder); index++) {
    const parent = pick(folders);
    folders.push(join(parent.split('/').length < deepestFolder ? parent : '', `${pick(words)}-${index}`));
  }
  const files: PlannedFile[] = [];
  let totalBytes = 0;
  for (let index = 0; index < fileCount; index++) {
    const file = planFile(index, pick(folders), next, files);
    files.push(file);
    totalBytes += file.sizeBytes;
  }
  return { folders, files, totalBytes };
}

function planFile(index: number, folder: string, next: () => number, before: readonly PlannedFile[]): PlannedFile {
  const modifiedSeconds = firstModified + Math.floor(next() * yearSeconds);
  const dice = next();
  const name = `${words[index % words.length]}_${index}`;
  if (dice < 0.01) return { path: join(folder, `${name}.link`), kind: 'link', sizeBytes: 0, seed: index, modifiedSeconds };
  const original = before[Math.floor(next() * before.length)];
  // Real trees hold copies: every thirtieth file is one.
  if (dice < 0.04 && original !== undefined && original.kind !== 'link') {
    return { ...original, path: join(folder, `${name}-copy-of-${basename(original.path)}`), modifiedSeconds };
  }
  const kind = dice < 0.55 ? 'text' : dice < 0.85 ? 'records' : 'dense';
  const sizeBytes = dice > 0.98 ? 0 : Math.min(largestBytes, Math.round(medianBytes * Math.exp(deviation * normal(next))));
  const extension = extensions[kind][index % extensions[kind].length];
  return { path: join(folder, `${name}.${extension}`), kind, sizeBytes, seed: index, modifiedSeconds };
}

/** Writes the tree below `root`, which must not exist. */
export function writeSmallFiles(root: string, { folders, files }: PlannedTree): void {
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
  const contents = new Contents(treeSeed);
  for (const { path, kind, sizeBytes, seed, modifiedSeconds } of files) {
    const place = join(root, path);
    if (kind === 'link') {
      symlinkSync(`../${basename(dirname(place))}`, place);
      lutimesSync(place, modifiedSeconds, modifiedSeconds);
    } else {
      writeFileSync(place, contents.make(kind, sizeBytes, seed));
      utimesSync(place, modifiedSeconds, modifiedSeconds);
    }
  }
  for (const folder of folders) utimesSync(join(root, folder), firstModified, firstModified);
}
