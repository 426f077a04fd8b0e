/**
 * What clients removed and the server still keeps: `trash/<folder of the kind>/<name>-<removed>-<due>` in the repository, with both
 * moments in seconds since 1970 by the server's clock. A rename brings a file there and back, so that at every moment it is in one of
 * the two places. restic does not look into that folder.
 */
import { constants, type Dirent } from 'node:fs';
import { access, mkdir, open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isId } from '../base/ids.ts';
import type { StoredFile } from '../storage/backend.ts';
import { layoutFolders, pathSegments } from '../storage/default-layout.ts';
import { isReservedName } from './request-address.ts';

export const trashFolder = 'trash';
const configFolder = 'config';
const maxDepth = 16;
const trashMode = 0o700;

export interface TrashedFile {
  /** Folders below the root. */
  readonly repository: readonly string[];
  readonly file: StoredFile;
  readonly removedS: number;
  /** From this moment on it may go for good. */
  readonly dueS: number;
  readonly sizeBytes: number;
  readonly path: string;
}

/** @throws a system error ENOENT for a file that is not there */
export async function moveToTrash(repositoryFolder: string, file: StoredFile, nowS: number, dueS: number): Promise<void> {
  const source = join(repositoryFolder, ...pathSegments(file));
  await access(source);
  const folder = join(repositoryFolder, trashFolder, kindFolder(file));
  await mkdir(folder, { recursive: true, mode: trashMode });
  await rename(source, join(folder, `${file.kind === 'config' ? configFolder : file.name}-${nowS}-${dueS}`));
  // The new name first: at no moment may a power cut leave neither.
  await syncFolder(folder);
  await syncFolder(dirname(source));
}

/** All files in the trash of the repositories below `root`, one repository after the other. */
export async function* listTrash(root: string, repository: readonly string[] = []): AsyncGenerator<TrashedFile> {
  for await (const found of repositoriesWithTrash(root, repository)) {
    const trash = join(root, ...found, trashFolder);
    for (const folder of await foldersIn(trash)) {
      for (const name of await namesIn(join(trash, folder))) {
        const entry = await trashedFile(found, folder, join(trash, folder, name), name);
        if (entry !== undefined) yield entry;
      }
    }
  }
}

/** @returns false when there is a file in its place, which then has the same content: the one in the trash stays */
export async function restoreFromTrash(root: string, { repository, file, path }: TrashedFile): Promise<boolean> {
  const target = join(root, ...repository, ...pathSegments(file));
  if (await isThere(target)) return false;
  await mkdir(dirname(target), { recursive: true, mode: trashMode });
  await rename(path, target);
  await syncFolder(dirname(target));
  await syncFolder(dirname(path));
  return true;
}

/** Whoever removes it knows that it is due, or that a person wants it. A folder that became empty goes, too. */
export async function removeFromTrash({ path }: TrashedFile): Promise<void> {
  await unlink(path);
  await rmdir(dirname(path)).catch(() => {});
}

function kindFolder(file: StoredFile): string {
  return file.kind === 'config' ? configFolder : layoutFolders[file.kind];
}

async function* repositoriesWithTrash(root: string, folders: readonly string[]): AsyncGenerator<readonly string[]> {
  const names = await foldersIn(join(root, ...folders));
  if (names.includes(trashFolder)) yield folders;
  if (folders.length >= maxDepth) return;
  // The folders of a repository hold no others, but a folder above repositories may have any name.
  const isRepository = names.includes('data') && names.includes('keys');
  for (const name of names) if (!isRepository || !isReservedName(name)) yield* repositoriesWithTrash(root, [...folders, name]);
}

async function trashedFile(repository: readonly string[], folder: string, path: string, text: string): Promise<TrashedFile | undefined> {
  const [, name = '', removed, due] = /^([0-9a-f]{64}|config)-(\d{1,12})-(\d{1,12})$/.exec(text) ?? [];
  const file = storedFile(folder, name);
  if (file === undefined) return undefined;
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  return { repository, file, removedS: Number(removed), dueS: Number(due), sizeBytes: found.size, path };
}

function storedFile(folder: string, name: string): StoredFile | undefined {
  if (folder === configFolder) return name === 'config' ? { kind: 'config', name: '' } : undefined;
  for (const [kind, known] of Object.entries(layoutFolders)) {
    if (known === folder && isId(name)) return { kind: kind as keyof typeof layoutFolders, name };
  }
  return undefined;
}

async function foldersIn(path: string): Promise<string[]> {
  return (await entriesIn(path)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function namesIn(path: string): Promise<string[]> {
  return (await entriesIn(path)).filter((entry) => entry.isFile()).map(({ name }) => name);
}

async function entriesIn(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    // Such as lost+found: what this user may not read is no repository of this server.
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Some file systems know no fsync of folders: then there is nothing more to be had. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle.close();
  }
}
