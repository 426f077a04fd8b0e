/**
 * A folder of a snapshot as a zip archive. The format holds names, modes, times and symbolic links, and content once more for
 * every hard link; owners, devices and extended attributes it does not hold.
 */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { unixModeOfNode } from '../../format/file-mode.ts';
import { parseTime } from '../../format/go-time.ts';
import type { TreeNode } from '../../format/node.ts';
import { type ArchiveEntry, eachArchiveEntry, type FolderToArchive } from './archive-entries.ts';
import { type BlobSource, fileContent } from './file-content.ts';
import { type ChunkWriter, symlinkTarget } from './tar.ts';

/** @param onSkipped told of entries that a zip archive cannot hold: devices, pipes, sockets */
export async function writeZip(
  folder: FolderToArchive & { readonly source: BlobSource },
  write: ChunkWriter,
  onSkipped: (entry: ArchiveEntry) => void,
): Promise<void> {
  const zip = new ZipFile();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  zip.on('error', failed.reject);
  const output = zip.outputStream as Readable;
  const copied = copyOut(output, write);
  const fill = async () => {
    await eachArchiveEntry(folder, async (entry) => addEntry(zip, folder, entry, onSkipped));
    zip.end();
    await copied;
  };
  try {
    await Promise.race([fill(), failed.promise, copied.then(() => new Promise<never>(() => {}))]);
  } finally {
    output.destroy();
  }
}

async function copyOut(output: Readable, write: ChunkWriter): Promise<void> {
  for await (const chunk of output) await write(chunk as Buffer);
}

async function addEntry(
  zip: ZipFile,
  { source, signal }: FolderToArchive & { readonly source: BlobSource },
  entry: ArchiveEntry,
  onSkipped: (entry: ArchiveEntry) => void,
): Promise<void> {
  const { node } = entry;
  const options = { mtime: zipTime(node), mode: unixModeOfNode(node.type, node.mode ?? 0) };
  if (node.type === 'dir') zip.addEmptyDirectory(zipName(entry), options);
  else if (node.type === 'symlink') zip.addBuffer(symlinkTarget(node), zipName(entry), { ...options, compress: false });
  else if (node.type === 'file')
    await addFile(zip, Readable.from(fileContent(source, node, signal)), zipName(entry), { ...options, size: Number(node.size ?? 0) });
  else onSkipped(entry);
}

/** Resolves when the content has been taken: the next file waits, so that only one is in memory. */
async function addFile(zip: ZipFile, content: Readable, name: string, options: { mtime: Date; mode: number; size: number }): Promise<void> {
  zip.addReadStream(content, name, options);
  // yazl does not listen to the failures of what it reads.
  await once(content, 'close');
  if (content.errored !== null) throw content.errored;
}

/** Names in a zip are text; yazl refuses those that look like a drive's unless a dot stands before them. */
function zipName({ name }: ArchiveEntry): string {
  const text = name.toString('utf8');
  return /^[a-zA-Z]:/.test(text) ? `./${text}` : text;
}

/** The format's own times begin with 1980 and end with 2107; yazl refuses others. */
function zipTime(node: TreeNode): Date {
  const unixMs = Number(parseTime(node.mtime) / 1_000_000n);
  return new Date(Math.min(Math.max(unixMs, Date.UTC(1980, 0, 2)), Date.UTC(2107, 11, 30)));
}
