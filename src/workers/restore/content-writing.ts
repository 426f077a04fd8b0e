/** Reads a run of a pack at once, and writes each blob in it to every file that wants it. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError, toErrorRecord } from '../../base/errors.ts';
import { damagedBlob } from '../blob-reader.ts';
import type { FileWriter } from './file-writer.ts';
import type { ContentRequest, RestoreResponse, UnreadBlob } from './messages.ts';
import { blobWord } from './plan/restore-plan.ts';
import type { WorkerContext } from './worker-context.ts';

/** Not blocking: a named pipe in the place of a pack would otherwise hold the open for ever. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;
/** Kept for the next run: chunks have 8 MiB at most. Only what was written to takes memory. */
const keptBytes = 9 << 20;

export class ContentWriting {
  readonly #context: WorkerContext;
  readonly #writer: FileWriter;
  readonly #kept = Buffer.allocUnsafeSlow(keptBytes);

  constructor(context: WorkerContext, writer: FileWriter) {
    this.#context = context;
    this.#writer = writer;
  }

  write(request: ContentRequest): RestoreResponse {
    const { plan } = this.#context;
    const { blobs } = request;
    const run = this.#loadRun(request);
    const unread: UnreadBlob[] = [];
    for (let from = 0; from < blobs.length; ) {
      const planned = plan.blobs.get(blobs[from] ?? 0, blobWord.entry);
      let to = from + 1;
      while (to < blobs.length && plan.blobs.get(blobs[to] ?? 0, blobWord.entry) === planned) to++;
      this.#writeBlob(blobs.subarray(from, to), request.entry ?? planned, request.offset, run, unread);
      from = to;
    }
    this.#context.flushItems();
    return { kind: 'written', unread };
  }

  #writeBlob(rows: Uint32Array, entry: number, runOffset: number, run: Uint8Array | undefined, unread: UnreadBlob[]): void {
    this.#context.throwIfStopped();
    let plain: Uint8Array;
    try {
      plain = this.#decode(entry, runOffset, run);
    } catch (error) {
      unread.push({ blobs: rows.slice(), entry, error: toErrorRecord(this.#describe(entry, error)) });
      return;
    }
    for (const row of rows) {
      this.#context.throwIfStopped();
      this.#writer.write(row, plain);
    }
  }

  #decode(entry: number, runOffset: number, run: Uint8Array | undefined): Uint8Array {
    const { index, decoder, reader } = this.#context;
    // The run could not be read: perhaps a single bad place is in it, and this blob is elsewhere.
    if (run === undefined && reader !== undefined) return reader.read(entry);
    const start = index.offsetOf(entry) - runOffset;
    const sealed = run?.subarray(start, start + index.lengthOf(entry));
    if (sealed === undefined || sealed.length < index.lengthOf(entry)) {
      throw new HoldfastError('damaged', 'the pack is shorter than the index says');
    }
    return decoder.decode(sealed, index.plainLengthOf(entry), index.idHex(entry));
  }

  #loadRun({ pack, offset, length, sealed }: ContentRequest): Uint8Array | undefined {
    if (sealed !== undefined) return new Uint8Array(sealed);
    const id = this.#context.index.packIdHex(pack);
    try {
      const fd = openSync(join(this.#context.packFolder ?? '', id.slice(0, 2), id), openFlags);
      try {
        return this.#readRun(fd, offset, length);
      } finally {
        closeSync(fd);
      }
    } catch {
      // Each blob is tried alone then, and its error is the one that is reported.
      return undefined;
    }
  }

  /** Fewer bytes than asked for where the pack ends. */
  #readRun(fd: number, offset: number, length: number): Uint8Array {
    const target = this.#room(length);
    let done = 0;
    while (done < length) {
      const count = readSync(fd, target, done, length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return target.subarray(0, done);
  }

  #room(bytes: number): Buffer {
    return bytes > keptBytes ? Buffer.allocUnsafeSlow(bytes) : this.#kept.subarray(0, bytes);
  }

  #describe(entry: number, thrown: unknown): HoldfastError {
    const { index } = this.#context;
    const error = asHoldfastError(thrown);
    if (error.code !== 'damaged' || error.context['blob'] !== undefined) return error;
    return damagedBlob(index.idHex(entry), index.packIdHex(index.packOf(entry)), error);
  }
}
