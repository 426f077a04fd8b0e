/** Reads a file of the repository, or a part of it, and nothing but exactly that part. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import { describeFile, type LoadOptions, oversizedFileError, type StoredFile, shortFileError } from '../backend.ts';

/** Of one read: a cancelled load of a large file ends soon, and a call moves enough to be worth it. */
const stepBytes = 16 * 1024 * 1024;

export async function readStored(path: string, file: StoredFile, options: LoadOptions): Promise<Buffer> {
  throwIfCancelled(options.signal);
  // Not blocking: a named pipe in the place of a file would otherwise hold the open for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const offset = options.offset ?? 0;
    const length = await lengthToRead(handle, file, offset, options);
    return await readSpan(handle, file, offset, length, options.signal);
  } finally {
    await handle.close();
  }
}

async function lengthToRead(handle: FileHandle, file: StoredFile, offset: number, options: LoadOptions): Promise<number> {
  const found = await handle.stat();
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
