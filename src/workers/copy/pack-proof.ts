/** Reads a pack of the destination back, from the storage and not from memory, and compares every byte with what was meant. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import { type Sealer, sealOverhead, sealStart } from '../../crypto/sealer.ts';
import { encodeHeaderEntries, headerLengthFieldBytes, type PackedBlob, readHeaderLength } from '../../format/pack-header.ts';
import { POSIX_FADV_DONTNEED } from '../../posix/constants.ts';
import { libc } from '../../posix/libc.ts';
import { wordsPerBlob } from '../archive/messages.ts';
import { BlobDecoder } from '../blob-decoder.ts';
import { PackStream } from '../check/pack-stream.ts';
import type { IndexTable } from '../index-table.ts';
import type { ProofRequest } from './messages.ts';

/** Not blocking: a named pipe in the place of a pack would otherwise hold the open for ever. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

export class PackProof {
  readonly #index: IndexTable;
  readonly #sealer: Sealer;
  readonly #decoder: BlobDecoder;
  readonly #packFolder: string;
  readonly #stream = new PackStream();

  constructor(index: IndexTable, sealer: Sealer, packFolder: string | undefined) {
    this.#index = index;
    this.#sealer = sealer;
    this.#decoder = new BlobDecoder(sealer);
    this.#packFolder = packFolder ?? '';
  }

  /** @throws HoldfastError `verify-failed` naming the pack */
  prove(request: ProofRequest): void {
    try {
      if (request.bytes === undefined) this.#proveFile(request);
      else this.#proveBytes(request, request.bytes);
    } catch (error) {
      const { message, context } = asHoldfastError(error);
      throw new HoldfastError('verify-failed', `pack ${request.id} was written, but what is read back differs: ${message}`, {
        hint: 'The pack is in no index, so nothing relies on it. Check the disk, the connection and the memory of the machine, then copy again.',
        context: { ...context, pack: request.id },
        cause: error,
      });
    }
  }

  #proveFile(request: ProofRequest): void {
    const fd = openSync(join(this.#packFolder, request.id.slice(0, 2), request.id), openFlags);
    try {
      // The pack is durable, so the system may forget its copy of it: what is read then comes from the disk.
      libc().fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
      this.#proveStream(request, fstatSync(fd).size, (target) => readSync(fd, target, 0, target.length, null));
    } finally {
      closeSync(fd);
    }
  }

  #proveBytes(request: ProofRequest, bytes: Uint8Array): void {
    let at = 0;
    this.#proveStream(request, bytes.length, (target) => {
      const piece = bytes.subarray(at, at + target.length);
      target.set(piece);
      at += piece.length;
      return piece.length;
    });
  }

  #proveStream({ id, blobs }: ProofRequest, sizeBytes: number, read: (target: Uint8Array) => number): void {
    this.#stream.open(read);
    const packed: PackedBlob[] = [];
    let offset = 0;
    for (let at = 0; at < blobs.length; at += wordsPerBlob) {
      const length = blobs[at + 1] ?? 0;
      packed.push(this.#proveBlob(blobs[at] ?? 0, offset, length, blobs[at + 2] ?? 0));
      offset += length;
    }
    this.#proveHeader(packed, offset, sizeBytes);
    if (this.#stream.finish().sha256 !== id) throw new HoldfastError('damaged', 'its content does not have the SHA-256 that is its name');
  }

  #proveBlob(entry: number, offset: number, length: number, uncompressedLength: number): PackedBlob {
    const id = this.#index.idHex(entry) as BlobId;
    this.#decoder.decode(this.#take(offset, length), uncompressedLength, id);
    const blob: PackedBlob = { id, type: this.#index.typeOf(entry) === 1 ? 'tree' : 'data', length };
    return uncompressedLength === 0 ? blob : { ...blob, uncompressedLength };
  }

  #proveHeader(packed: readonly PackedBlob[], offset: number, sizeBytes: number): void {
    const tail = this.#take(offset, Math.max(0, sizeBytes - offset));
    const length = readHeaderLength(tail, sizeBytes);
    const sealed = tail.subarray(0, tail.length - headerLengthFieldBytes);
    if (length !== sealed.length) throw new HoldfastError('damaged', 'its header has another length');
    const plain = sealed.subarray(sealStart, sealStart + length - sealOverhead);
    this.#sealer.unseal(sealed, plain);
    if (!encodeHeaderEntries(packed).equals(plain)) throw new HoldfastError('damaged', 'its header lists other blobs');
  }

  #take(offset: number, length: number): Buffer {
    const bytes = this.#stream.take(offset, length);
    if (bytes === undefined) throw new HoldfastError('damaged', 'it is shorter than it was written');
    return bytes;
  }
}
