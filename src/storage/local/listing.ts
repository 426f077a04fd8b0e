/** Names and sizes of the repository's files in a folder. */
import { type Stats, stat, statSync } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { isId } from '../../base/ids.ts';
import { type FileKind, type ListedFile, type ListOptions, missingRepositoryError } from '../backend.ts';
import { layoutFolders, packFolders } from '../default-layout.ts';
import { briefBlocking } from './brief-blocking.ts';
import { isErrno } from './system-errors.ts';

/** Folders of packs read at once: enough to keep a slow disk's queue filled, few enough to hold little in memory. */
const foldersAtOnce = 4;

/** Files asked for at once, before it is decided again in which way. */
const filesAtOnce = 256;

const configName = 'config';

export async function* listFiles(root: string, kind: FileKind, { signal, namesOnly = false }: ListOptions): AsyncGenerator<ListedFile> {
  throwIfCancelled(signal);
  if (kind !== 'config') await assertNotGone(root, layoutFolders[kind]);
  if (kind === 'config') yield* listConfig(root);
  else if (kind === 'pack') yield* listPacks(join(root, layoutFolders.pack), signal);
  else if (namesOnly) yield* await listNames(join(root, layoutFolders[kind]));
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
  const files: (ListedFile | undefined)[] = [];
  while (files.length < names.length) {
    const batch = names.slice(files.length, files.length + filesAtOnce);
    if (await briefBlocking.isNext()) files.push(...batch.map((name) => briefBlocking.run(() => sizeAtOnce(folder, name))));
    else files.push(...(await Promise.all(batch.map((name) => sizeOf(folder, name)))));
  }
  return files.filter((file) => file !== undefined);
}

async function namesIn(folder: string): Promise<string[]> {
  return await unlessMissing(readdir(folder));
}

/** As listFolder, with sizes of 0. Only what is neither a plain file nor a folder, such as a link, is looked at. */
async function listNames(folder: string): Promise<ListedFile[]> {
  const entries = (await unlessMissing(readdir(folder, { withFileTypes: true }))).filter(
    (entry) => isId(entry.name) && !entry.isDirectory(),
  );
  const files = await Promise.all(
    entries.map(async (entry) => (entry.isFile() ? { name: entry.name, sizeBytes: 0 } : await sizeOf(folder, entry.name))),
  );
  return files.filter((file) => file !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function unlessMissing<T>(reading: Promise<T[]>): Promise<T[]> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Undefined for what was removed meanwhile and for what is no file. The older interface: one promise a file instead of several. */
function sizeOf(folder: string, name: string): Promise<ListedFile | undefined> {
  return new Promise((resolve, reject) => {
    stat(join(folder, name), (error, found) => {
      if (error === null) resolve(listed(name, found));
      else if (error.code === 'ENOENT') resolve(undefined);
      else reject(error);
    });
  });
}

/** The same in the way that blocks. */
function sizeAtOnce(folder: string, name: string): ListedFile | undefined {
  const found = statSync(`${folder}/${name}`, { throwIfNoEntry: false });
  return found === undefined ? undefined : listed(name, found);
}

function listed(name: string, found: Stats): ListedFile | undefined {
  return found.isFile() ? { name, sizeBytes: found.size } : undefined;
}
