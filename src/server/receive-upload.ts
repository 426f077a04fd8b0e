/**
 * A file that a client sends, until it is whole, proved and durable under its name.
 *
 * It is written beside the repository's files into a folder that nobody lists, and hashed on the way. Only what has the promised
 * length and the SHA-256 that is its name goes on, by the backend's own `adopt`: fsync, rename, fsync of the folder. A kill at any
 * moment leaves at most a file in that folder, which a later start removes.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../base/errors.ts';
import { type Backend, describeFile, type StoredFile } from '../storage/backend.ts';
import type { Exchange } from './exchange.ts';
import { Refusal } from './refusal.ts';

let stagedCount = 0;
/** With what the socket holds, twice this is all the memory that an upload takes. */
const batchBytes = 128 << 10;

/** @returns the bytes that were stored; undefined when the very file was there already */
export async function receiveFile(
  backend: Backend,
  file: StoredFile,
  exchange: Exchange,
  lengthBytes: number,
): Promise<number | undefined> {
  const staged = join(await backend.stagingFolder(), `upload-${stagedCount++}`);
  try {
    const digest = await writeBody(staged, exchange, lengthBytes);
    if (digest !== file.name) throw new Refusal(400, 'hash', 'the content does not have the SHA-256 that is its name');
    if (await isThereAlready(backend, file, lengthBytes)) return undefined;
    // Two clients that send the same file at once both come here: what the second one puts over the first is the same, and proved.
    await backend.adopt(file, staged);
    return lengthBytes;
  } finally {
    await unlink(staged).catch(() => {});
  }
}

/** The name of a config says nothing of its content, and it is never replaced. It is short. */
export async function receiveConfig(backend: Backend, file: StoredFile, exchange: Exchange, lengthBytes: number): Promise<number> {
  const pieces: Buffer[] = [];
  for await (const piece of bodyOf(exchange, lengthBytes)) pieces.push(piece);
  await backend.save(file, Buffer.concat(pieces));
  return lengthBytes;
}

/** @returns the SHA-256 of what was written, in hexadecimal */
async function writeBody(path: string, exchange: Exchange, lengthBytes: number): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path, 'wx', 0o600);
  const batch = new BatchedWriter(handle);
  try {
    for await (const piece of bodyOf(exchange, lengthBytes)) {
      hash.update(piece);
      await batch.add(piece);
    }
    await batch.finish();
  } finally {
    await batch.finish().catch(() => {});
    await handle.close();
  }
  return hash.digest('hex');
}

/** Small pieces into few writes, of which one is under way while the next pieces are received and hashed. */
class BatchedWriter {
  readonly #handle: FileHandle;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async add(piece: Buffer): Promise<void> {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= batchBytes) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    this.#writing = bytes.length === 0 ? Promise.resolve() : this.#handle.writeFile(bytes);
    // Whoever awaits it next is told.
    this.#writing.catch(() => {});
  }
}

/** @throws Refusal when it is longer or shorter than promised: a connection that broke off may look like an end */
async function* bodyOf({ request, transferred, watchTransfer }: Exchange, lengthBytes: number): AsyncGenerator<Buffer> {
  using _watch = watchTransfer();
  // Where it ends early, as on a full disk, the connection must still carry the answer.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    transferred.received += piece.length;
    if (transferred.received > lengthBytes) throw wrongLength();
    yield piece;
  }
  if (transferred.received !== lengthBytes) throw wrongLength();
}

/** @throws Refusal where a file of that name has another content: it is damaged, and only its removal helps */
async function isThereAlready(backend: Backend, file: StoredFile, lengthBytes: number): Promise<boolean> {
  try {
    const { sizeBytes } = await backend.stat(file);
    if (sizeBytes === lengthBytes && (await digestOf(backend, file)) === file.name) return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'storage-missing') return false;
    throw error;
  }
  throw new Refusal(403, 'exists', `${describeFile(file)} is on the server already, and damaged: have it removed there`);
}

async function digestOf(backend: Backend, file: StoredFile): Promise<string> {
  const hash = createHash('sha256');
  const path = backend.pathOf(file);
  if (path === undefined) throw new HoldfastError('internal', 'a served repository is not in a folder');
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) hash.update(piece);
  return hash.digest('hex');
}

function wrongLength(): Refusal {
  return new Refusal(400, 'length', 'the content does not have the length that was promised');
}
