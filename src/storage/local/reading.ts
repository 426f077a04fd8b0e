/** Reads a file of the repository, or a part of it, and nothing but exactly that part. */
import { closeSync, constants, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import { describeFile, type FileKind, type LoadOptions, oversizedFileError, type StoredFile, shortFileError } from '../backend.ts';
import { briefBlocking } from './brief-blocking.ts';

/** Of one read: a cancelled load of a large file ends soon, and a call moves enough to be worth it. */
const stepBytes = 16 * 1024 * 1024;

/** Kinds of which there may be thousands, of a few hundred bytes each. */
const smallKinds: ReadonlySet<FileKind> = new Set<FileKind>(['snapshot', 'lock', 'key', 'config']);

// Not blocking: a named pipe in the place of a file would otherwise hold the open for ever.
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

export async function readStored(path: string, file: StoredFile, options: LoadOptions): Promise<Buffer> {
  throwIfCancelled(options.signal);
  if (smallKinds.has(file.kind) && (await briefBlocking.isNext())) {
    const content = briefBlocking.run(() => readAtOnce(path, options));
    if (content !== undefined) return content;
  }
  const handle = await open(path, openFlags);
  try {
    const offset = options.offset ?? 0;
    const length = lengthToRead(await handle.stat(), file, offset, options);
    return await readSpan(handle, file, offset, length, options.signal);
  } finally {
    await handle.close();
  }
}

/** What is longer is read in the other way. */
const scratch = Buffer.allocUnsafeSlow(16 * 1024);

/** Undefined for what is longer than expected, or no file: then nothing is known, and nothing was done. */
function readAtOnce(path: string, { offset = 0, length, maxBytes = scratch.length, isFresh = false }: LoadOptions): Buffer | undefined {
  if (offset > 0 || length !== undefined || maxBytes < scratch.length || isFresh) return undefined;
  const descriptor = openSync(path, openFlags);
  try {
    const count = readSync(descriptor, scratch, 0, scratch.length, 0);
    // Nothing comes from a named pipe either.
    return count === 0 || count === scratch.length ? undefined : Buffer.from(scratch.subarray(0, count));
  } catch {
    // A folder, a pipe, a broken disk: the other way says what it is.
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

function lengthToRead(found: Stats, file: StoredFile, offset: number, options: LoadOptions): number {
  if (!found.isFile()) {
    throw new HoldfastError('damaged', `${describeFile(file)} is not a regular file`, { context: { kind: file.kind, name: file.name } });
  }
  const end = offset + (options.length ?? 0);
  if (end > found.size) throw shortFileError(file, end, found.size);
  if (options.length !== undefined) return options.length;
  const length = found.size - offset;
  if (options.maxBytes !== undefined && length > options.maxBytes) throw oversizedFileError(file, options.maxBytes, length);
  return length;
}

async function readSpan(
  handle: FileHandle,
  file: StoredFile,
  offset: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(length);
  let done = 0;
  while (done < length) {
    throwIfCancelled(signal);
    const { bytesRead } = await handle.read(target, done, Math.min(stepBytes, length - done), offset + done);
    if (bytesRead === 0) throw shortFileError(file, offset + length, offset + done);
    done += bytesRead;
  }
  return target;
}
