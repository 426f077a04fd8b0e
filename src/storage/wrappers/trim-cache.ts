/** Keeps a repository's cache within its limit: the files that were not used for the longest time go first. */
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Beginning of the names under which files come in, as in restic. */
export const temporaryPrefix = 'tmp-';
/** No file takes so long to come in: what is older was left behind by a process that died. */
const leftoverAgeMs = 24 * 3_600_000;
/** How full the folder is afterwards: below the limit, so that it is not looked through again at once. */
const keptShare = 0.9;
/** So many files are looked at in one go. */
const statsAtOnce = 64;

interface CachedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedMs: number;
}

/** Never fails: other processes may do the same at the same time, and what cannot be removed stays. */
export async function trimCache(folder: string, limitBytes: number): Promise<void> {
  const { files, leftovers } = await findFiles(folder);
  for (const { path } of leftovers) await unlink(path).catch(() => {});
  let totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (totalBytes <= limitBytes) return;
  for (const { path, sizeBytes } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (totalBytes <= limitBytes * keptShare) return;
    await unlink(path).catch(() => {});
    totalBytes -= sizeBytes;
  }
}

/** All bytes in the files of the folder. */
export async function cacheSize(folder: string): Promise<number> {
  const { files, leftovers } = await findFiles(folder);
  return [...files, ...leftovers].reduce((sum, file) => sum + file.sizeBytes, 0);
}

async function findFiles(folder: string): Promise<{ files: CachedFile[]; leftovers: CachedFile[] }> {
  const files: CachedFile[] = [];
  const leftovers: CachedFile[] = [];
  const oldestMs = Date.now() - leftoverAgeMs;
  for (const parent of await parentFolders(folder)) {
    const names = await namesIn(parent);
    for (let at = 0; at < names.length; at += statsAtOnce) {
      const found = await Promise.all(
        names.slice(at, at + statsAtOnce).map(async (name) => ({ name, file: await statFile(parent, name) })),
      );
      for (const { name, file } of found) {
        if (file === undefined) continue;
        const isLeftover = name.startsWith(temporaryPrefix) && file.usedMs < oldestMs;
        (isLeftover ? leftovers : files).push(file);
      }
    }
  }
  return { files, leftovers };
}

/** `<kind>/<two digits>` for all that are there. */
async function parentFolders(folder: string): Promise<string[]> {
  const parents: string[] = [];
  for (const kind of await namesIn(folder)) {
    for (const digits of await namesIn(join(folder, kind))) parents.push(join(folder, kind, digits));
  }
  return parents;
}

async function statFile(folder: string, name: string): Promise<CachedFile | undefined> {
  try {
    const path = join(folder, name);
    const found = await lstat(path);
    return found.isFile() ? { path, sizeBytes: found.size, usedMs: found.mtimeMs } : undefined;
  } catch {
    return undefined;
  }
}

/** Nothing for what is gone, or no folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
