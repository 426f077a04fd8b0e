/** Saves a stream (standard input, a command's output) as one file. Its chunks are cut here and stored by the workers. */
import { userInfo } from 'node:os';
import { posix } from 'node:path';
import { HoldfastError } from '../base/errors.ts';
import type { BlobId } from '../base/ids.ts';
import { Chunker } from '../chunker/chunker.ts';
import { encodeContent, encodeNodeFields, emptyNodeFields, type NodeFields } from '../format/node-encoder.ts';
import { goModeOfUnixMode } from '../format/file-mode.ts';
import { quoteName } from '../format/go-quote.ts';
import type { StreamTarget } from './backup-options.ts';
import type { SaveServices } from './target-saver.ts';

/** Chunks handed to workers at once, each in shared memory of up to 8 MiB. */
const chunksInFlight = 8;
const secondNs = 1_000_000_000n;
const fileMode = 0o100644;
const folderMode = 0o040755;

/** @returns the id of the root tree. @throws HoldfastError when the stream, or what made it, failed: then nothing refers to it */
export async function saveStream(services: SaveServices & { readonly polynomial: bigint }, target: StreamTarget): Promise<string> {
  const names = splitPath(target.filename);
  const leaf = names.at(-1);
  if (leaf === undefined) throw new HoldfastError('usage', 'the name for the stream has no file name in it');
  const [content] = await Promise.all([new StreamCutter(services).store(target.stream), target.finished]);
  const fields = streamFields(services.timeNs);
  services.countFile(content.sizeBytes);
  let node = encodeNodeFields({ ...fields, nameQuoted: quoteName(leaf), size: content.sizeBytes }, encodeContent(content.ids));
  for (const name of names.slice(0, -1).reverse()) node = await folderAround(services, fields, name, node);
  return await services.saveTree([node]);
}

async function folderAround(services: SaveServices, fields: NodeFields, name: Buffer, node: string): Promise<string> {
  const id = (await services.saveTree([node])) as BlobId;
  services.countDirectory(true, false);
  return encodeNodeFields(
    { ...fields, nameQuoted: quoteName(name), type: 'dir', goMode: goModeOfUnixMode(folderMode), size: 0 },
    'null',
    id,
  );
}

class StreamCutter {
  readonly #services: SaveServices;
  readonly #chunker: Chunker;
  readonly #stored: Promise<BlobId>[] = [];
  readonly #free: SharedArrayBuffer[] = [];
  readonly #failed = Promise.withResolvers<never>();
  #hasFailed = false;
  #waiting: ((memory: SharedArrayBuffer) => void) | undefined;
  #sizeBytes = 0;
  #start = 0;
  #end = 0;
  #seen = 0;

  constructor(services: SaveServices & { readonly polynomial: bigint }) {
    this.#services = services;
    this.#chunker = new Chunker(services.polynomial);
    for (let count = 0; count < chunksInFlight; count++) this.#free.push(new SharedArrayBuffer(Chunker.maxSize));
  }

  async store(stream: AsyncIterable<Uint8Array>): Promise<{ ids: BlobId[]; sizeBytes: number }> {
    try {
      // A stream may never end, or rest for hours: a failure does not wait for it.
      await Promise.race([this.#cutStream(stream), this.#failed.promise]);
      return { ids: await Promise.all(this.#stored), sizeBytes: this.#sizeBytes };
    } finally {
      await Promise.allSettled(this.#stored);
    }
  }

  async #cutStream(stream: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const piece of stream) await this.#take(piece);
    await this.#cutAll(true);
  }

  async #take(piece: Uint8Array): Promise<void> {
    if (this.#hasFailed) await this.#failed.promise;
    const { buffer } = this.#chunker;
    for (let taken = 0; taken < piece.length; ) {
      if (this.#end === buffer.length) this.#moveToFront();
      const count = Math.min(piece.length - taken, buffer.length - this.#end);
      buffer.set(piece.subarray(taken, taken + count), this.#end);
      this.#end += count;
      taken += count;
      await this.#cutAll(false);
    }
  }

  #moveToFront(): void {
    this.#chunker.buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  async #cutAll(isEnd: boolean): Promise<void> {
    for (;;) {
      const length = this.#end - this.#start;
      const cut = length === 0 ? 0 : this.#chunker.nextCut(this.#start, length, isEnd, this.#seen);
      this.#seen = cut === 0 ? length : 0;
      if (cut === 0) return;
      await this.#send(this.#chunker.buffer.subarray(this.#start, this.#start + cut));
      this.#start += cut;
      this.#sizeBytes += cut;
    }
  }

  async #send(chunk: Uint8Array): Promise<void> {
    const memory = this.#free.pop() ?? (await new Promise<SharedArrayBuffer>((resolve) => (this.#waiting = resolve)));
    new Uint8Array(memory).set(chunk);
    const stored = this.#storeChunk(memory, chunk.length);
    stored.catch((error: unknown) => {
      this.#hasFailed = true;
      this.#failed.reject(error);
    });
    this.#stored.push(stored);
  }

  async #storeChunk(memory: SharedArrayBuffer, length: number): Promise<BlobId> {
    try {
      const answer = await this.#services.pool.run({ kind: 'stream-chunk', memory, length });
      const id = answer.kind === 'blobs' ? answer.ids[0] : undefined;
      if (id === undefined) throw new HoldfastError('internal', `a worker answered '${answer.kind}' to a chunk`);
      return id;
    } finally {
      const next = this.#waiting;
      this.#waiting = undefined;
      if (next === undefined) this.#free.push(memory);
      else next(memory);
    }
  }
}

function streamFields(timeNs: bigint): NodeFields {
  const nanoseconds = Number(((timeNs % secondNs) + secondNs) % secondNs);
  const seconds = (timeNs - BigInt(nanoseconds)) / secondNs;
  const { uid, gid } = userInfo();
  return {
    ...emptyNodeFields(),
    goMode: goModeOfUnixMode(fileMode),
    mtimeSec: seconds,
    mtimeNs: nanoseconds,
    atimeSec: seconds,
    atimeNs: nanoseconds,
    ctimeSec: seconds,
    ctimeNs: nanoseconds,
    uid: Math.max(0, uid),
    gid: Math.max(0, gid),
  };
}

/** As restic cleans it: `..` takes the name before it away. */
function splitPath(path: Buffer): Buffer[] {
  const absolute = posix.resolve('/', path.toString('latin1'));
  return absolute
    .split('/')
    .slice(1)
    .filter((name) => name !== '')
    .map((name) => Buffer.from(name, 'latin1'));
}
