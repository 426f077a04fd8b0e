/** Names and sizes of the repository's files in folders of the server. */
import { posix } from 'node:path';
import type { FileEntryWithStats } from 'ssh2';
import { isId } from '../../base/ids.ts';
import type { ListedFile } from '../backend.ts';
import { packFolders } from '../default-layout.ts';
import type { SftpChannel } from './sftp-channel.ts';
import { isStatus } from './sftp-status.ts';

/** Folders that are read at once: a way of 50 ms is waited for 50 times for all 256, and few enough to hold little in memory. */
export const foldersAtOnce = 16;

const kindBits = 0o170000;
const plainFile = 0o100000;
const link = 0o120000;

/** The folders of packs that there are, in groups that are listed at once. */
export async function packFolderGroups(channel: SftpChannel, folder: string): Promise<string[][] | undefined> {
  const entries = await readFolder(channel, folder);
  if (entries === undefined) return undefined;
  const there = new Set(entries.map(({ filename }) => filename));
  const paths = packFolders()
    .filter((name) => there.has(name))
    .map((name) => posix.join(folder, name));
  return Array.from({ length: Math.ceil(paths.length / foldersAtOnce) }, (_, n) => paths.slice(n * foldersAtOnce, (n + 1) * foldersAtOnce));
}

/** All files in the folders. A folder that has gone meanwhile holds nothing. */
export async function listFolders(channel: SftpChannel, folders: readonly string[], isPack: boolean): Promise<ListedFile[]> {
  const ends = await Promise.allSettled(folders.map((folder) => listFolder(channel, folder, isPack ? posix.basename(folder) : '')));
  return ends.flatMap((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value ?? [];
  });
}

/** Sorted by name; undefined for a folder that is not there. `prefix`: what all names in it must begin with. */
export async function listFolder(channel: SftpChannel, folder: string, prefix: string): Promise<ListedFile[] | undefined> {
  const entries = await readFolder(channel, folder);
  if (entries === undefined) return undefined;
  const files: ListedFile[] = [];
  for (const entry of entries) {
    if (!isId(entry.filename) || !entry.filename.startsWith(prefix)) continue;
    const sizeBytes = await sizeOf(channel, folder, entry);
    if (sizeBytes !== undefined) files.push({ name: entry.filename, sizeBytes });
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function readFolder(channel: SftpChannel, folder: string): Promise<FileEntryWithStats[] | undefined> {
  const found: FileEntryWithStats[] = [];
  try {
    const handle = await channel.openFolder(folder);
    for (let entries = await channel.readFolder(handle); entries !== undefined; entries = await channel.readFolder(handle)) {
      for (const entry of entries) found.push(entry);
    }
    await channel.close(handle);
    return found;
  } catch (error) {
    if (isStatus(error, 'missing')) return undefined;
    throw error;
  }
}

/** Undefined for what is no file. Of a link the server tells the link's own size with the names. */
async function sizeOf(channel: SftpChannel, folder: string, { filename, attrs }: FileEntryWithStats): Promise<number | undefined> {
  const kind = attrs.mode & kindBits;
  if (kind === plainFile) return attrs.size;
  if (kind !== link && attrs.mode !== undefined) return undefined;
  try {
    const target = await channel.stat(posix.join(folder, filename));
    return (target.mode & kindBits) === plainFile ? target.size : undefined;
  } catch (error) {
    if (isStatus(error, 'missing')) return undefined;
    throw error;
  }
}
