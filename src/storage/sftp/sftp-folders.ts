/** Makes the folders of an empty repository. */
import { posix } from 'node:path';
import { allFolders, layoutFolders } from '../default-layout.ts';
import type { SftpChannel } from './sftp-channel.ts';
import { isStatus } from './sftp-status.ts';

const foldersAtOnce = 32;

/** @returns the folders whose names changed, to be synced */
export async function createFolders(channel: SftpChannel, root: string, mode: number): Promise<string[]> {
  await makeWithParents(channel, root, mode);
  const data = posix.join(root, layoutFolders.pack);
  const paths = allFolders().map((folder) => posix.join(root, folder));
  // Parents first: they are the ones without a slash.
  const [upper, lower] = [paths.filter((path) => !path.startsWith(`${data}/`)), paths.filter((path) => path.startsWith(`${data}/`))];
  for (const path of upper) await makeFolder(channel, path, mode);
  for (let n = 0; n < lower.length; n += foldersAtOnce) {
    const ends = await Promise.allSettled(lower.slice(n, n + foldersAtOnce).map((path) => makeFolder(channel, path, mode)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
  return [data, root, posix.dirname(root)];
}

async function makeWithParents(channel: SftpChannel, path: string, mode: number): Promise<void> {
  try {
    await makeFolder(channel, path, mode);
  } catch (error) {
    const parent = posix.dirname(path);
    if (!isStatus(error, 'missing') || parent === path) throw error;
    await makeWithParents(channel, parent, mode);
    await makeFolder(channel, path, mode);
  }
}

/** One that is there is left as it is. Servers have no word for that: they say "failure" or "denied", and are asked what is there. */
async function makeFolder(channel: SftpChannel, path: string, mode: number): Promise<void> {
  try {
    await channel.makeFolder(path, mode);
  } catch (error) {
    if (!isStatus(error, 'failure', 'denied')) throw error;
    const found = await channel.stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) throw error;
  }
}
