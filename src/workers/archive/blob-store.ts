/** Takes plaintext blobs and stores those that are new: hash, claim, compress, seal, pack. */
import type { BlobId } from '../../base/ids.ts';
import type { Compressor } from '../../compression/compressor.ts';
import { type Sealer, sealOverhead, sealStart } from '../../crypto/sealer.ts';
import { sha256Hex } from '../../crypto/sha256.ts';
import { compressedEntryBytes, plainEntryBytes } from '../../format/pack-header.ts';
import { dataBlob, type BlobType, type IndexTable } from '../index-table.ts';
import { Counter, type Counters } from './counters.ts';
import type { PackWriter } from './pack-writer.ts';

export interface BlobStoreOptions {
  readonly index: IndexTable;
  readonly sealer: Sealer;
  readonly counters: Counters;
  /** Between two chunks of a large file is a good moment to end. */
  readonly throwIfStopped: () => void;
  /** Undefined in a repository of format version 1. */
  readonly treeCompressor: Compressor | undefined;
  /** Undefined where data is not to be compressed. */
  readonly dataCompressor: Compressor | undefined;
  /** Undefined on a dry run: then blobs are only counted. */
  readonly packs: { readonly data: PackWriter; readonly tree: PackWriter } | undefined;
}

/** Most blobs are small, and a full chunk is rare: the buffers grow to what is met. */
const firstBufferBytes = 1 << 17;

export class BlobStore {
  readonly #options: BlobStoreOptions;
  readonly #id = Buffer.alloc(32);
  #sealed = Buffer.allocUnsafeSlow(firstBufferBytes);

  constructor(options: BlobStoreOptions) {
    this.#options = options;
  }

  /** Stores the blob unless the repository has it. @returns its id */
  save(type: BlobType, plain: Uint8Array): BlobId {
    this.#options.throwIfStopped();
    if (type === dataBlob) this.#options.counters.add(Counter.doneBytes, plain.length);
    const id = sha256Hex(plain) as BlobId;
    this.#id.write(id, 'hex');
    const entry = this.#options.index.claim(this.#id, type);
    if (entry >= 0) this.#store(entry, type, plain);
    return id;
  }

  #store(entry: number, type: BlobType, plain: Uint8Array): void {
    const { dataCompressor, treeCompressor, sealer, packs } = this.#options;
    const compressor = type === dataBlob ? dataCompressor : treeCompressor;
    this.#makeRoom(plain.length);
    // An empty blob cannot be marked as compressed: its length before compression would be 0.
    // Compressed to the place where it is then sealed: one buffer of a chunk's size less for each worker.
    const frame = this.#sealed.subarray(sealStart);
    const frameLength = compressor === undefined || plain.length === 0 ? 0 : compressor.compress(plain, frame);
    const payload = frameLength === 0 ? plain : frame.subarray(0, frameLength);
    this.#count(type, plain.length, payload.length + sealOverhead + (frameLength === 0 ? plainEntryBytes : compressedEntryBytes));
    if (packs === undefined) return;
    const length = sealer.seal(payload, this.#sealed);
    const writer = type === dataBlob ? packs.data : packs.tree;
    writer.add(entry, this.#sealed.subarray(0, length), frameLength === 0 ? 0 : plain.length);
  }

  /** @param packedBytes with the blob's entry in the header of its pack, as restic counts */
  #count(type: BlobType, plainBytes: number, packedBytes: number): void {
    const { counters } = this.#options;
    const isData = type === dataBlob;
    counters.add(isData ? Counter.dataBlobs : Counter.treeBlobs, 1);
    counters.add(isData ? Counter.dataBytes : Counter.treeBytes, plainBytes);
    counters.add(isData ? Counter.dataPackedBytes : Counter.treePackedBytes, packedBytes);
  }

  #makeRoom(plainLength: number): void {
    const needed = Math.max(firstBufferBytes, plainLength);
    if (this.#sealed.length < needed + sealOverhead) this.#sealed = Buffer.allocUnsafeSlow(needed + sealOverhead);
  }
}
