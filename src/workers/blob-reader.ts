/** Reads blobs out of pack files on a local file system, with blocking calls: for worker threads. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import type { Sealer } from '../crypto/sealer.ts';
import { assertBlobLengths, BlobDecoder, type OpenedBlob } from './blob-decoder.ts';
import type { IndexTable } from './index-table.ts';
import { ReusedBuffer } from './reused-buffer.ts';

/** Trees lie in few packs, and a walk goes back and forth between them. */
const maxOpenPacks = 16;
/** Not blocking: a named pipe in the place of a pack would otherwise hold the open for ever. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;
/** Of a sealed blob: nearly all trees fit, and most chunks. */
const usualBytes = 1 << 20;

export class BlobReader implements Disposable {
  readonly #index: IndexTable;
  readonly #decoder: BlobDecoder;
  readonly #packFolder: string;
  /** Pack number to descriptor, least recently used first. */
  readonly #open = new Map<number, number>();
  readonly #sealed: ReusedBuffer;

  /** @param keptBytes of the buffer for sealed blobs: larger ones get memory of their own, for a time. Where most are, that costs more than it saves. */
  constructor(index: IndexTable, sealer: Sealer, packFolder: string, keptBytes = usualBytes) {
    this.#index = index;
    this.#sealed = new ReusedBuffer(keptBytes);
    this.#decoder = new BlobDecoder(sealer);
    this.#packFolder = packFolder;
  }

  /**
   * The plaintext of a blob: a view that holds until the next call.
   * @throws HoldfastError `damaged` when the bytes are not the blob's, `storage-*` when they cannot be read
   */
  read(entry: number): Uint8Array {
    return this.open(entry).plain;
  }

  /** As `read`, for a caller who passes the content on. */
  open(entry: number): OpenedBlob {
    try {
      const plainLength = this.#index.plainLengthOf(entry);
      return this.#decoder.open(this.#readSealed(entry, plainLength), plainLength, this.#index.idHex(entry));
    } catch (error) {
      throw this.#describe(asHoldfastError(error), entry);
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #readSealed(entry: number, plainLength: number): Uint8Array {
    const length = this.#index.lengthOf(entry);
    assertBlobLengths(length, plainLength);
    const target = this.#sealed.take(length);
    const offset = this.#index.offsetOf(entry);
    const fd = this.#descriptor(entry);
    for (let done = 0; done < length; ) {
      const count = readSync(fd, target, done, length - done, offset + done);
      if (count === 0) throw new HoldfastError('damaged', 'the pack is shorter than the index says');
      done += count;
    }
    return target;
  }

  #descriptor(entry: number): number {
    const pack = this.#index.packOf(entry);
    if (pack < 0) throw new HoldfastError('internal', 'a blob was read before its pack was finished');
    const known = this.#open.get(pack);
    const id = this.#index.packIdHex(pack);
    const fd = known ?? openSync(join(this.#packFolder, id.slice(0, 2), id), openFlags);
    this.#open.delete(pack);
    this.#open.set(pack, fd);
    if (this.#open.size > maxOpenPacks) this.#closeOldest();
    return fd;
  }

  #closeOldest(): void {
    const oldest = this.#open.entries().next().value;
    if (oldest === undefined) return;
    this.#open.delete(oldest[0]);
    closeSync(oldest[1]);
  }

  #describe(error: HoldfastError, entry: number): HoldfastError {
    const pack = this.#index.packOf(entry);
    if (error.code !== 'damaged' || pack < 0) return error;
    return damagedBlob(this.#index.idHex(entry), this.#index.packIdHex(pack), error);
  }
}

export function damagedBlob(blob: string, pack: string, problem: HoldfastError): HoldfastError {
  return new HoldfastError('damaged', `blob ${blob} in pack ${pack} is damaged: ${problem.message}`, {
    hint: 'Run `check --read-data` to see what else is damaged; `repair packs` saves what is whole.',
    context: { ...problem.context, blob, pack },
    cause: problem,
  });
}
