/** Where the caches of this machine are: one folder for each repository, by its id, below one folder that says it is a cache. */
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asHoldfastError, type HoldfastError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import { cacheSize } from '../storage/wrappers/trim-cache.ts';
import { baseDirectory, type Variables } from './base-directory.ts';

/** Beginning of the folders that one check uses and removes; one that was killed leaves it behind. restic's are named likewise. */
export const temporaryCachePrefix = 'holdfast-check-cache-';
const temporaryName = /^(?:holdfast|restic)-check-cache-\w+$/;

/** As restic: a cache that was not used for so long is old. */
export const oldCacheDays = 30;
const dayMs = 24 * 3_600_000;

/** Undefined where nobody says, and the user has no home. */
export function defaultCachePlace(variable: Variables): string | undefined {
  return baseDirectory(variable, 'XDG_CACHE_HOME', '.cache');
}

export interface FoundCache {
  /** The repository's id, or the name of a folder that a check left behind. */
  readonly name: string;
  readonly path: string;
  readonly isTemporary: boolean;
  /** When it was used last, in milliseconds since 1970. */
  readonly usedMs: number;
  readonly isOld: boolean;
}

/** The one that rested longest first. Whatever else is in the place is passed over. */
export async function findCaches(place: string, nowMs: number, oldAfterDays: number = oldCacheDays): Promise<FoundCache[]> {
  const found: FoundCache[] = [];
  for (const name of await namesIn(place)) {
    const isTemporary = temporaryName.test(name);
    if (!isTemporary && !isId(name)) continue;
    const path = join(place, name);
    const state = await lstat(path).catch(() => undefined);
    if (state?.isDirectory() !== true) continue;
    found.push({ name, path, isTemporary, usedMs: state.mtimeMs, isOld: nowMs - state.mtimeMs > oldAfterDays * dayMs });
  }
  return found.toSorted((a, b) => a.usedMs - b.usedMs);
}

export async function sizeOfCache({ path }: FoundCache): Promise<number> {
  return await cacheSize(path);
}

export interface RemovedCaches {
  readonly removed: readonly FoundCache[];
  readonly failures: readonly { readonly cache: FoundCache; readonly error: HoldfastError }[];
}

/** Safe at any moment: a process that uses one of them goes on without. */
export async function removeCaches(caches: readonly FoundCache[]): Promise<RemovedCaches> {
  const removed: FoundCache[] = [];
  const failures: { cache: FoundCache; error: HoldfastError }[] = [];
  for (const cache of caches) {
    try {
      await rm(cache.path, { recursive: true, force: true });
      removed.push(cache);
    } catch (error) {
      failures.push({ cache, error: asHoldfastError(error) });
    }
  }
  return { removed, failures };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const known = asHoldfastError(error);
    if (known.code === 'storage-missing') return [];
    throw known;
  }
}
