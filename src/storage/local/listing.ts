/** Names and sizes of the repository's files in a folder. */
import { stat } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { isId } from '../../base/ids.ts';
import { type FileKind, type ListedFile, missingRepositoryError } from '../backend.ts';
import { layoutFolders, packFolders } from '../default-layout.ts';
import { isErrno } from './system-errors.ts';

/** Folders of packs read at once: enough to keep a slow disk's queue filled, few enough to hold little in memory. */
const foldersAtOnce = 4;

const configName = 'config';

export async function* listFiles(root: string, kind: FileKind, signal: AbortSignal | undefined): AsyncGenerator<ListedFile> {
  throwIfCancelled(signal);
  if (kind !== 'config') await assertNotGone(root, layoutFolders[kind]);
  if (kind === 'config') yield* listConfig(root);
  else if (kind === 'pack') yield* listPacks(join(root, layoutFolders.pack), signal);
  else yield* await listFolder(join(root, layoutFolders[kind]), '');
}

/** An empty folder may have been removed; a whole repository that is gone (a disk that was unplugged) must not look like an empty one. */
async function assertNotGone(root: string, folder: string): Promise<void> {
  try {
    await access(join(root, folder));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    if ((await sizeOf(root, configName)) === undefined) throw missingRepositoryError(root, error);
  }
}

async function* listConfig(root: string): AsyncGenerator<ListedFile> {
  const config = await sizeOf(root, configName);
  if (config !== undefined) yield { ...config, name: '' };
}

async function* listPacks(folder: string, signal: AbortSignal | undefined): AsyncGenerator<ListedFile> {
  const names = packFolders();
  for (let first = 0; first < names.length; first += foldersAtOnce) {
    throwIfCancelled(signal);
    const batch = names.slice(first, first + foldersAtOnce);
    for (const files of await Promise.all(batch.map((name) => listFolder(join(folder, name), name)))) yield* files;
  }
}

/** Sorted by name. A folder that is not there holds nothing. `prefix`: what all names in it must begin with. */
async function listFolder(folder: string, prefix: string): Promise<ListedFile[]> {
  const names = (await namesIn(folder)).filter((name) => isId(name) && name.startsWith(prefix)).sort();
  const files = await Promise.all(names.map((name) => sizeOf(folder, name)));
  return files.filter((file) => file !== undefined);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Undefined for what was removed meanwhile and for what is no file. The older interface: one promise a file instead of several. */
function sizeOf(folder: string, name: string): Promise<ListedFile | undefined> {
  return new Promise((resolve, reject) => {
    stat(join(folder, name), (error, found) => {
      if (error === null) resolve(found.isFile() ? { name, sizeBytes: found.size } : undefined);
      else if (error.code === 'ENOENT') resolve(undefined);
      else reject(error);
    });
  });
}
