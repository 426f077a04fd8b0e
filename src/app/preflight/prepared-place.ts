/** Folders that a preflight makes where there is no repository, so that a file can be written, and takes away again. */
import { lstat, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Backend, type CallOptions, configFile } from '../../storage/backend.ts';
import { allFolders } from '../../storage/default-layout.ts';

export interface PreparedPlace {
  /** Removes the folders that were not there before, those alone that are empty. @returns whether anything was left */
  restore(): Promise<boolean>;
}

/** As `init` begins. Elsewhere than in folders of this machine nobody can remove them again: they are empty, and `init` uses them. */
export async function preparePlace(backend: Backend, options: CallOptions): Promise<PreparedPlace> {
  const config = backend.pathOf(configFile);
  if (config === undefined) {
    await backend.create(options);
    return { restore: async () => true };
  }
  const root = dirname(config);
  const paths = [...ancestors(root), root, join(root, 'tmp'), ...allFolders().map((folder) => join(root, folder))];
  const missing = await Promise.all(paths.map(async (path) => ((await isThere(path)) ? undefined : path)));
  await backend.create(options);
  return { restore: async () => await removeEmpty(missing.filter((path) => path !== undefined)) };
}

/** Highest first, without the root of the file system. */
function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path || parent === '/' ? [] : [...ancestors(parent), parent];
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/** Parents are named first, and are removed last. `rmdir` refuses what somebody has put something into. */
async function removeEmpty(paths: readonly string[]): Promise<boolean> {
  let isLeft = false;
  for (const path of paths.toReversed()) {
    await rmdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') isLeft = true;
    });
  }
  return isLeft;
}
