/**
 * Reads files of a cache whose names are the SHA-256 of their content. A file is proved as a whole before a byte of it is given out;
 * one that is read span by span stays open, so that it keeps its content even when somebody removes it.
 */
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, utimesSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';

export interface Span {
  /** 0 unless told. */
  readonly offset?: number | undefined;
  /** Up to the end unless told. */
  readonly length?: number | undefined;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
}

/** Not blocking, not through links: in the place of a file there may be anything. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** Trees lie in a few packs at a time, and a descriptor costs next to nothing. */
const mostOpenFiles = 32;
/** Of one read while a file is proved. */
const proofPieceBytes = 1 << 20;
/** Snapshots, of which there may be thousands: to read one costs less than to hand the work to another thread. */
const smallFileBytes = 64 << 10;
/** One in so many is read by another thread all the same, so that the others of this thread get their turn. */
const turnEvery = 32;
/** As file systems do it with access times: a finer order is not worth a write for each file that is read. */
const useResolutionMs = 3_600_000;

export class CachedFiles {
  /** By path, the one that was used last at the end. */
  readonly #open = new Map<string, Promise<OpenFile | undefined>>();
  /** Files that this process proved, by path: their inode and size. A file that is opened again need not be proved again. */
  readonly #proofs = new Map<string, string>();
  #wholeReads = 0;

  /** Undefined when there is no such file, when its content is wrong (then it is removed), or when it is shorter than the span. */
  async read(path: string, sha256: string, { offset = 0, length }: Span): Promise<Buffer | undefined> {
    try {
      if (length !== undefined) return await this.#readSpan(path, sha256, offset, length);
      return (await this.#readWhole(path, sha256))?.subarray(offset);
    } catch {
      return undefined;
    }
  }

  async forget(path: string): Promise<void> {
    const opened = this.#open.get(path);
    this.#open.delete(path);
    this.#proofs.delete(path);
    await (await opened)?.handle.close();
  }

  async close(): Promise<void> {
    for (const path of this.#open.keys()) await this.forget(path).catch(() => {});
  }

  async #readWhole(path: string, sha256: string): Promise<Buffer | undefined> {
    this.#wholeReads++;
    const small = this.#wholeReads % turnEvery === 0 ? undefined : readSmallFile(path);
    const bytes = small ?? (await readFile(path));
    if (hash('sha256', bytes, 'hex') === sha256) return bytes;
    await unlink(path);
    return undefined;
  }

  async #readSpan(path: string, sha256: string, offset: number, length: number): Promise<Buffer | undefined> {
    const file = await this.#opened(path, sha256);
    if (file === undefined || offset + length > file.sizeBytes) return undefined;
    const target = Buffer.allocUnsafeSlow(length);
    return (await readFully(file.handle, target, offset)) === length ? target : undefined;
  }

  async #opened(path: string, sha256: string): Promise<OpenFile | undefined> {
    const known = this.#open.get(path);
    this.#open.delete(path);
    const opening = known ?? this.#openProved(path, sha256);
    this.#open.set(path, opening);
    const file = await opening.catch(() => undefined);
    if (file === undefined) this.#open.delete(path);
    await this.#closeUnused();
    return file;
  }

  async #closeUnused(): Promise<void> {
    const [oldest] = this.#open;
    if (oldest === undefined || this.#open.size <= mostOpenFiles) return;
    this.#open.delete(oldest[0]);
    await (await oldest[1].catch(() => undefined))?.handle.close();
  }

  async #openProved(path: string, sha256: string): Promise<OpenFile | undefined> {
    const handle = await openFile(path);
    try {
      const { ino, size: sizeBytes } = await handle.stat();
      const proof = `${ino}:${sizeBytes}`;
      if (this.#proofs.get(path) === proof || (await hashOf(handle)) === sha256) {
        this.#proofs.set(path, proof);
        return { handle, sizeBytes };
      }
      await unlink(path);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return undefined;
  }
}

async function readFile(path: string): Promise<Buffer> {
  const handle = await openFile(path);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Undefined for a file that is not small. */
function readSmallFile(path: string): Buffer | undefined {
  const descriptor = openSync(path, openFlags);
  try {
    const found = fstatSync(descriptor);
    if (found.size > smallFileBytes) return undefined;
    noteUse(path, found);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The time of modification says when a file of the cache was used last: the content never changes. */
function noteUse(path: string, found: Stats): void {
  if (!found.isFile()) throw new Error('not a file');
  const now = new Date();
  if (Math.abs(now.getTime() - found.mtimeMs) <= useResolutionMs) return;
  try {
    utimesSync(path, now, now);
  } catch {
    // Somebody else's file, or gone: it only looks older than it is.
  }
}

async function openFile(path: string): Promise<FileHandle> {
  const handle = await open(path, openFlags);
  try {
    noteUse(path, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function hashOf(handle: FileHandle): Promise<string> {
  const sum = createHash('sha256');
  const piece = Buffer.allocUnsafe(proofPieceBytes);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return sum.digest('hex');
    sum.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function readFully(handle: FileHandle, target: Buffer, offset: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}
