/** The bytes of a file on their way to or from a server: many requests under way at once, so that a long way is filled. */
import type { FileHandle } from 'node:fs/promises';
import type { Handle, SftpChannel } from './sftp-channel.ts';

/** With 64 KiB each, 2 MiB are under way: the window of one channel, in OpenSSH as in ssh2. */
const requestsAtOnce = 32;

/** What is to be written: bytes in memory, or a file of this machine that is read piece by piece. */
export interface UploadSource {
  readonly sizeBytes: number;
  piece(offset: number, length: number): Promise<Buffer> | Buffer;
}

export function memorySource(bytes: Uint8Array): UploadSource {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { sizeBytes: bytes.length, piece: (offset, length) => whole.subarray(offset, offset + length) };
}

/** @throws an error of the system when the file is shorter than its size said */
export async function fileSource(file: FileHandle): Promise<UploadSource> {
  const { size: sizeBytes } = await file.stat();
  const piece = async (offset: number, length: number): Promise<Buffer> => {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
    if (bytesRead === length) return buffer;
    throw Object.assign(new Error('the staged file became shorter'), { code: 'EIO', syscall: 'read' });
  };
  return { sizeBytes, piece };
}

export async function upload(channel: SftpChannel, handle: Handle, { sizeBytes, piece }: UploadSource): Promise<void> {
  await inPieces(channel, sizeBytes, async (offset, length) => {
    await channel.write(handle, await piece(offset, length), offset);
  });
}

/** @returns how many bytes came before the file ended: fewer than the target holds where it is shorter */
export async function download(channel: SftpChannel, handle: Handle, target: Buffer, position: number): Promise<number> {
  let end = target.length;
  await inPieces(channel, target.length, async (offset, length) => {
    let got = 0;
    while (got < length && offset + got < end) {
      const count = await channel.read(handle, target, offset + got, length - got, position + offset + got);
      if (count === 0) end = Math.min(end, offset + got);
      got += count;
    }
  });
  return end;
}

/** A failure waits for what else is under way: afterwards nothing touches the buffer or the file any more. */
async function inPieces(channel: SftpChannel, sizeBytes: number, move: (offset: number, length: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < sizeBytes) {
      const offset = next;
      const length = Math.min(channel.pieceBytes, sizeBytes - offset);
      next += length;
      try {
        await move(offset, length);
      } catch (error) {
        next = sizeBytes;
        throw error;
      }
    }
  };
  const lanes = Math.min(requestsAtOnce, Math.ceil(sizeBytes / channel.pieceBytes));
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
