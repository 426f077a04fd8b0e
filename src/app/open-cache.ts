/** Puts the cache of this machine in front of a repository's backend. */
import { mkdir, mkdtemp, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import type { Backend } from '../storage/backend.ts';
import { CacheBackend } from '../storage/wrappers/cache-backend.ts';
import { CacheFolder } from '../storage/wrappers/cache-folder.ts';
import { temporaryCachePrefix } from './cache-place.ts';

/**
 * What one repository's cache may hold unless told: the index and the newest trees of some ten million files, and little enough for the
 * disk of a small machine.
 */
export const defaultCacheBytes = 4 * 2 ** 30;

export interface CacheRequest {
  /** The folder above the caches of all repositories. */
  readonly place: string;
  readonly repositoryId: string;
  readonly limitBytes: number;
  /** An empty one for this run alone, which is removed when the backend is closed. */
  readonly isTemporary: boolean;
}

const folderMode = 0o700;
const fileMode = 0o600;
/** By this file backup programs know a cache: https://bford.info/cachedir/ */
const tagName = 'CACHEDIR.TAG';
const tag =
  'Signature: 8a477f597d28d172789f06886806bc55\n# This folder holds copies that can be fetched again. Nothing in it needs a backup.\n';
/** Of the layout, as restic counts it. */
const layoutVersion = 1;

/** @throws HoldfastError when there can be no cache at that place; the backend is then to be used without */
export async function openCache(backend: Backend, request: CacheRequest): Promise<Backend> {
  const { place, repositoryId, limitBytes, isTemporary } = request;
  if (!isId(repositoryId)) throw new HoldfastError('unsupported', 'the id of the repository cannot be the name of a folder');
  try {
    await mkdir(place, { recursive: true, mode: folderMode });
    await writeIfMissing(join(place, tagName), tag);
    const path = isTemporary ? await mkdtemp(join(place, temporaryCachePrefix)) : await openFolder(join(place, repositoryId));
    return new CacheBackend(backend, new CacheFolder({ path, limitBytes, isTemporary }));
  } catch (error) {
    throw asHoldfastError(error);
  }
}

async function openFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: folderMode });
  const versionFile = join(path, 'version');
  await writeIfMissing(versionFile, String(layoutVersion));
  const version = Number(await readFile(versionFile, 'utf8'));
  if (!(version <= layoutVersion)) throw new HoldfastError('unsupported', `the cache in ${path} has a layout that is not known here`);
  // Says when the cache was used last.
  const now = new Date();
  await utimes(path, now, now);
  return path;
}

async function writeIfMissing(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: fileMode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
