/** Names and sizes of the repository's files in a folder. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { isId } from '../../base/ids.ts';
import type { FileKind, ListedFile } from '../backend.ts';
import { layoutFolders, packFolders } from '../default-layout.ts';
import { isErrno } from './system-errors.ts';

/** Folders of packs read at once: enough to keep a slow disk's queue filled, few enough to hold little in memory. */
const foldersAtOnce = 16;

export async function* listFiles(root: string, kind: FileKind, signal: AbortSignal | undefined): AsyncGenerator<ListedFile> {
  throwIfCancelled(signal);
  if (kind === 'config') yield* listConfig(root);
  else if (kind === 'pack') yield* listPacks(join(root, layoutFolders.pack), signal);
  else yield* await listFolder(join(root, layoutFolders[kind]), '');
}

async function* listConfig(root: string): AsyncGenerator<ListedFile> {
  const config = await sizeOf(root, 'config');
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

/** Undefined for what was removed meanwhile and for what is no file. */
async function sizeOf(folder: string, name: string): Promise<ListedFile | undefined> {
  try {
    const found = await stat(join(folder, name));
    return found.isFile() ? { name, sizeBytes: found.size } : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
