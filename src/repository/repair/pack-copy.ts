/** Keeps a copy of a damaged pack outside the repository before it is removed: somebody may get more out of it than we do. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { Backend, CallOptions, LoadOptions } from '../../storage/backend.ts';
import { damageOf } from '../../workers/prune/header-indexer.ts';

/** Large enough for a storage far away. */
const pieceBytes = 1 << 20;
/** What disks of today read or lose at once. */
const sectorBytes = 4096;

export interface PackCopy {
  readonly path: string;
  /** Bytes that could not be read: zeros stand in their places. */
  readonly unreadableBytes: number;
}

export interface PackToCopy {
  readonly id: string;
  readonly sizeBytes: number;
}

/**
 * Writes `pack-<id>` into the folder, durable when it resolves.
 * @throws HoldfastError `usage` when a file of that name with other content is there; errors of the file system
 */
export async function copyPack(backend: Backend, pack: PackToCopy, folder: string, { signal }: CallOptions = {}): Promise<PackCopy> {
  const path = join(folder, `pack-${pack.id}`);
  const partial = `${path}.partial`;
  try {
    const written = await writeCopy(backend, pack, partial, signal);
    if (await isThere(path, written.sha256)) await rm(partial);
    // A copy under its final name is complete: the rename comes when every byte is durable.
    else await rename(partial, path);
    await syncFolder(folder);
    return { path, unreadableBytes: written.unreadableBytes };
  } catch (error) {
    await rm(partial, { force: true });
    throw asHoldfastError(error);
  }
}

async function writeCopy(
  backend: Backend,
  pack: PackToCopy,
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ sha256: string; unreadableBytes: number }> {
  const hash = createHash('sha256');
  let unreadableBytes = 0;
  await using file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
  for await (const { bytes, isReadable } of piecesOf(backend, pack, signal)) {
    if (!isReadable) unreadableBytes += bytes.length;
    hash.update(bytes);
    await writeFully(file, bytes);
  }
  await file.sync();
  return { sha256: hash.digest('hex'), unreadableBytes };
}

interface Piece {
  readonly bytes: Buffer;
  readonly isReadable: boolean;
}

/** What cannot be read at once is read in halves, down to what a disk has in one piece. */
async function* piecesOf(backend: Backend, { id: name, sizeBytes }: PackToCopy, signal: AbortSignal | undefined): AsyncGenerator<Piece> {
  const waiting: { offset: number; length: number }[] = [];
  for (let offset = 0; offset < sizeBytes; offset += pieceBytes) {
    waiting.push({ offset, length: Math.min(pieceBytes, sizeBytes - offset) });
    for (let range = waiting.pop(); range !== undefined; range = waiting.pop()) {
      const bytes = await tryPiece(backend, name, { ...range, signal });
      const half = range.length >> 1;
      if (bytes !== undefined) yield { bytes, isReadable: true };
      else if (range.length <= sectorBytes) yield { bytes: Buffer.alloc(range.length), isReadable: false };
      else waiting.push({ offset: range.offset + half, length: range.length - half }, { offset: range.offset, length: half });
    }
  }
}

/** Undefined where the storage has the bytes no more. */
async function tryPiece(backend: Backend, name: string, range: LoadOptions): Promise<Buffer | undefined> {
  try {
    return await backend.load({ kind: 'pack', name }, range);
  } catch (thrown) {
    damageOf(asHoldfastError(thrown));
    return undefined;
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
}

/** @throws HoldfastError `usage` when it holds something else */
async function isThere(path: string, sha256: string): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    await using file = await open(path);
    for await (const piece of file.createReadStream({ autoClose: false })) hash.update(piece as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  if (hash.digest('hex') === sha256) return true;
  throw new HoldfastError('usage', `the copy of the pack cannot be written: ${path} is there with other content`, {
    hint: 'Move that file away, or run the command in another directory: damaged packs are copied into the current one.',
    context: { path },
  });
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}
