/** Loads a file or a part of it: exactly the bytes that were asked for. */
import { type LoadOptions, oversizedFileError, type StoredFile, shortFileError } from '../backend.ts';
import { type Handle, openFlags, type SftpChannel } from './sftp-channel.ts';
import { download } from './sftp-transfer.ts';

/** @throws HoldfastError `damaged` for a file that is too short or too long; what the channel throws */
export async function loadPart(channel: SftpChannel, path: string, file: StoredFile, options: LoadOptions): Promise<Buffer> {
  const { offset = 0, length } = options;
  // The size is asked for while the file is opened, and not at all where it does not matter.
  const needsSize = length === undefined || length === 0;
  const [opened, found] = await Promise.allSettled([channel.open(path, openFlags.read), needsSize ? channel.stat(path) : undefined]);
  if (opened.status === 'rejected') throw opened.reason;
  try {
    if (found.status === 'rejected') throw found.reason;
    const wanted = length === undefined || length === 0 ? wantedOf(file, options, found.value?.size ?? 0) : length;
    return await readExactly(channel, opened.value, path, file, offset, wanted);
  } finally {
    // Nobody has to wait for that; a session that ended closes its files by itself.
    void channel.close(opened.value).catch(() => {});
  }
}

/** How many bytes there are to read; refuses before memory is taken. */
function wantedOf(file: StoredFile, { offset = 0, length, maxBytes = Number.POSITIVE_INFINITY }: LoadOptions, sizeBytes: number): number {
  const available = sizeBytes - offset;
  if (available < 0) throw shortFileError(file, offset, sizeBytes);
  if (length !== undefined) return length;
  if (available > maxBytes) throw oversizedFileError(file, maxBytes, available);
  return available;
}

async function readExactly(
  channel: SftpChannel,
  handle: Handle,
  path: string,
  file: StoredFile,
  offset: number,
  length: number,
): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(length);
  const got = await download(channel, handle, target, offset);
  if (got === length) return target;
  throw shortFileError(file, offset + length, (await channel.stat(path)).size);
}
