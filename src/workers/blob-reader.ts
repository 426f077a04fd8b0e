/** Reads blobs out of pack files on a local file system, with blocking calls: for worker threads. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { decompress } from '../compression/decompress.ts';
import type { Sealer } from '../crypto/sealer.ts';
import { sealOverhead } from '../crypto/sealer.ts';
import { sha256Hex } from '../crypto/sha256.ts';
import type { IndexTable } from './index-table.ts';

/** Trees lie in few packs, and a walk goes back and forth between them. */
const maxOpenPacks = 16;
/** Largest blob that is believed: trees of huge directories are far beyond a chunk's 8 MiB. */
const maxBlobBytes = 1 << 30;

export class BlobReader implements Disposable {
  readonly #index: IndexTable;
  readonly #sealer: Sealer;
  readonly #packFolder: string;
  /** Pack number to descriptor, least recently used first. */
  readonly #open = new Map<number, number>();
  #sealed = Buffer.alloc(0);
  #plain = Buffer.alloc(0);
  #frame = Buffer.alloc(0);

  constructor(index: IndexTable, sealer: Sealer, packFolder: string) {
    this.#index = index;
    this.#sealer = sealer;
    this.#packFolder = packFolder;
  }

  /**
   * The plaintext of a blob: a view that holds until the next call.
   * @throws HoldfastError `damaged` when the bytes are not the blob's, `storage-*` when they cannot be read
   */
  read(entry: number): Uint8Array {
    const length = this.#index.lengthOf(entry);
    const plainLength = this.#index.plainLengthOf(entry);
    this.#makeRoom(length, plainLength);
    const sealed = this.#sealed.subarray(0, length);
    this.#readAt(entry, sealed);
    const plain = this.#decode(sealed, plainLength);
    const id = this.#index.idHex(entry);
    if (sha256Hex(plain) !== id) throw new HoldfastError('damaged', `the content of blob ${id} does not have that hash`);
    return plain;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #decode(sealed: Uint8Array, plainLength: number): Uint8Array {
    if (plainLength === 0) return this.#plain.subarray(0, this.#sealer.unseal(sealed, this.#plain));
    const frameLength = this.#sealer.unseal(sealed, this.#frame);
    decompress(this.#frame.subarray(0, frameLength), this.#plain.subarray(0, plainLength));
    return this.#plain.subarray(0, plainLength);
  }

  #makeRoom(length: number, plainLength: number): void {
    if (length < sealOverhead || length > maxBlobBytes || plainLength > maxBlobBytes) {
      throw new HoldfastError('damaged', `the index gives a blob an impossible length of ${length} bytes`);
    }
    if (this.#sealed.length < length) this.#sealed = Buffer.allocUnsafeSlow(roundUp(length));
    if (plainLength > 0 && this.#frame.length < length) this.#frame = Buffer.allocUnsafeSlow(roundUp(length));
    const needed = Math.max(plainLength, length - sealOverhead);
    if (this.#plain.length < needed) this.#plain = Buffer.allocUnsafeSlow(roundUp(needed));
  }

  #readAt(entry: number, target: Buffer): void {
    const pack = this.#index.packOf(entry);
    if (pack < 0) throw new HoldfastError('internal', 'a blob was read before its pack was finished');
    const offset = this.#index.offsetOf(entry);
    try {
      const fd = this.#descriptor(pack);
      for (let done = 0; done < target.length; ) {
        const count = readSync(fd, target, done, target.length - done, offset + done);
        if (count === 0) throw new HoldfastError('damaged', `pack ${this.#index.packIdHex(pack)} is shorter than the index says`);
        done += count;
      }
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  #descriptor(pack: number): number {
    const known = this.#open.get(pack);
    const id = this.#index.packIdHex(pack);
    const fd = known ?? openSync(join(this.#packFolder, id.slice(0, 2), id), 'r');
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
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 65_536) * 65_536;
}
