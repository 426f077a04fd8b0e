/** Reads what packs say of themselves, their headers, into the index table. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { type Sealer, sealOverhead } from '../../crypto/sealer.ts';
import { headerLengthFieldBytes, readHeaderLength, scanHeaderEntries } from '../../format/pack-header.ts';
import type { IndexTable } from '../index-table.ts';
import { ReusedBuffer } from '../reused-buffer.ts';
import type { DamagedPack, HeadersResponse, ListedPack } from './messages.ts';

/** Not blocking: a named pipe in the place of a pack would otherwise hold the open for ever. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;
/** Holds the header of some 400 blobs: most packs need one read. A pack of trees may need a second. */
export const firstTailBytes = 16 * 1024;
/** An offset in the index has 32 bits. */
const maxPackBytes = 0xffff_ffff;

export class HeaderIndexer {
  readonly #index: IndexTable;
  readonly #sealer: Sealer;
  readonly #tail = new ReusedBuffer(firstTailBytes);
  readonly #plain = new ReusedBuffer(firstTailBytes);

  constructor(index: IndexTable, sealer: Sealer) {
    this.#index = index;
    this.#sealer = sealer;
  }

  /** Packs of a folder of this machine. Those whose header is wrong are named and left out; storage that fails ends it. */
  readAll(packs: readonly ListedPack[], packFolder: string): HeadersResponse {
    const numbers: number[] = [];
    const damaged: DamagedPack[] = [];
    for (const pack of packs) {
      try {
        numbers.push(this.#readFile(pack, join(packFolder, pack.id.slice(0, 2), pack.id)));
      } catch (thrown) {
        damaged.push({ pack: pack.id, message: damageOf(asHoldfastError(thrown)) });
      }
    }
    return { kind: 'headers', packs: Uint32Array.from(numbers), damaged };
  }

  /**
   * @param tail the end of the pack, with its whole header
   * @returns the number that the table gave to the pack
   * @throws HoldfastError `damaged` when the header cannot be right; then nothing was added
   */
  add({ id, sizeBytes }: ListedPack, tail: Buffer): number {
    const sealedBytes = readHeaderLength(tail, sizeBytes);
    const start = tail.length - headerLengthFieldBytes - sealedBytes;
    const plain = this.#plain.take(sealedBytes - sealOverhead);
    this.#sealer.unseal(tail.subarray(start, start + sealedBytes), plain);
    const blobsBytes = sizeBytes - headerLengthFieldBytes - sealedBytes;
    assertFills(plain, blobsBytes, sizeBytes);
    const pack = this.#index.addPack(Buffer.from(id, 'hex'));
    scanHeaderEntries(plain, (blob, type, offset, length, plainLength) => {
      this.#index.insert(blob, type, pack, offset, length, plainLength);
    });
    return pack;
  }

  #readFile(pack: ListedPack, path: string): number {
    const fd = openSync(path, openFlags);
    try {
      const { size } = fstatSync(fd);
      if (size !== pack.sizeBytes) throw new HoldfastError('storage-failed', `pack ${pack.id} changes its size while it is read`);
      const tail = this.#readTail(fd, size, firstTailBytes);
      const needed = readHeaderLength(tail, size) + headerLengthFieldBytes;
      return this.add(pack, needed <= tail.length ? tail : this.#readTail(fd, size, needed));
    } finally {
      closeSync(fd);
    }
  }

  #readTail(fd: number, sizeBytes: number, wanted: number): Buffer {
    const tail = this.#tail.take(Math.min(wanted, sizeBytes));
    const start = sizeBytes - tail.length;
    for (let done = 0; done < tail.length; ) {
      const count = readSync(fd, tail, done, tail.length - done, start + done);
      if (count === 0) throw new HoldfastError('damaged', 'it ended while it was read');
      done += count;
    }
    return tail;
  }
}

/**
 * What is wrong with this pack alone. Anything else ends the work: a whole pack that cannot be reached must not be left out.
 * @throws HoldfastError
 */
export function damageOf(error: HoldfastError): string {
  // A sector that cannot be read is damage; rights, a storage out of reach or out of order are not.
  if (error.code === 'damaged' || error.context['errno'] === 'EIO') return error.message;
  throw error;
}

function assertFills(header: Buffer, blobsBytes: number, sizeBytes: number): void {
  if (sizeBytes > maxPackBytes) throw new HoldfastError('damaged', 'it is larger than any pack can be');
  let end = 0;
  scanHeaderEntries(header, (_id, _type, offset, length) => {
    if (length < sealOverhead) throw new HoldfastError('damaged', 'its header has a blob that is shorter than its sealing');
    end = offset + length;
  });
  if (end !== blobsBytes) throw new HoldfastError('damaged', `its header lists ${end} bytes of blobs, but it has ${blobsBytes}`);
}
