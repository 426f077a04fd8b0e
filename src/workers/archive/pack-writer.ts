/**
 * Writes blobs of one type into packs: a staged file each, streamed through a small buffer with its SHA-256 kept along.
 *
 * A staged file is not part of the repository. It becomes a pack when main has made it durable under its id.
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type BlobId, idToBytes, type PackId } from '../../base/ids.ts';
import { type Sealer, sealOverhead } from '../../crypto/sealer.ts';
import { IncrementalSha256 } from '../../crypto/sha256.ts';
import { encodeHeaderEntries, encodeHeaderLength, maxHeaderEntries, type PackedBlob } from '../../format/pack-header.ts';
import { type BlobType, dataBlob, type IndexTable } from '../index-table.ts';
import { type FinishedPack, type UnfinishedPack, wordsPerBlob } from './messages.ts';

/** Writes of this size reach the throughput of the page cache; larger ones only take memory. */
const bufferBytes = 1 << 20;
const firstBlobs = 512;

export interface PackWriterOptions {
  readonly type: BlobType;
  readonly index: IndexTable;
  readonly sealer: Sealer;
  readonly stagingFolder: string;
  /** Unique among all writers of the run. */
  readonly name: string;
  /** A pack is closed once it holds this many bytes. */
  readonly packSizeBytes: number;
  readonly onFinished: (pack: FinishedPack) => void;
}

export class PackWriter {
  readonly #options: PackWriterOptions;
  readonly #hash = new IncrementalSha256();
  #buffer: Buffer | undefined;
  #used = 0;
  #fd = -1;
  #path = '';
  #sequence = 0;
  #sizeBytes = 0;
  #blobs = new Uint32Array(firstBlobs * wordsPerBlob);
  #blobCount = 0;

  constructor(options: PackWriterOptions) {
    this.#options = options;
  }

  /** Adds a sealed blob. @param plainLength length before compression, 0 when it is stored uncompressed */
  add(entry: number, sealed: Uint8Array, plainLength: number): void {
    if (this.#fd < 0) this.#open();
    this.#write(sealed);
    this.#remember(entry, sealed.length, plainLength);
    if (this.#sizeBytes >= this.#options.packSizeBytes || this.#blobCount >= maxHeaderEntries) this.finish();
  }

  /** Closes the pack, if any blob is in it, and hands it over. */
  finish(): void {
    if (this.#blobCount === 0) return;
    const blobs = this.#takenBlobs();
    this.#writeHeader(blobs);
    this.#flush();
    closeSync(this.#fd);
    const { type, onFinished } = this.#options;
    onFinished({ type, id: this.#hash.digestHex() as PackId, stagedPath: this.#path, sizeBytes: this.#sizeBytes, blobs });
    this.#reset();
  }

  /** Gives up the pack that is not full yet, for main to merge with those of other workers. */
  takeUnfinished(): UnfinishedPack | undefined {
    if (this.#blobCount === 0) return undefined;
    this.#flush();
    closeSync(this.#fd);
    const unfinished = { type: this.#options.type, stagedPath: this.#path, sizeBytes: this.#sizeBytes, blobs: this.#takenBlobs() };
    this.#hash.digestHex();
    this.#reset();
    return unfinished;
  }

  /** Appends all blobs of an unfinished pack, in their order, and removes its file. */
  append(part: UnfinishedPack): void {
    if (this.#fd < 0) this.#open();
    const source = openSync(part.stagedPath, 'r');
    try {
      const piece = Buffer.allocUnsafe(bufferBytes);
      for (let length = readSync(source, piece); length > 0; length = readSync(source, piece)) this.#write(piece.subarray(0, length));
    } finally {
      closeSync(source);
    }
    for (let at = 0; at < part.blobs.length; at += wordsPerBlob) {
      this.#remember(part.blobs[at] ?? 0, part.blobs[at + 1] ?? 0, part.blobs[at + 2] ?? 0);
    }
    unlinkSync(part.stagedPath);
  }

  #open(): void {
    this.#path = join(this.#options.stagingFolder, `${this.#options.name}-${this.#sequence++}`);
    this.#fd = openSync(this.#path, 'wx', 0o600);
    this.#buffer ??= Buffer.allocUnsafeSlow(bufferBytes);
  }

  #write(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length;
    const buffer = this.#buffer;
    if (buffer === undefined || this.#used + bytes.length > buffer.length) this.#flush();
    if (buffer === undefined || bytes.length > buffer.length) {
      this.#hash.update(bytes);
      writeFully(this.#fd, bytes);
      return;
    }
    buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  #flush(): void {
    if (this.#buffer === undefined || this.#used === 0) return;
    const filled = this.#buffer.subarray(0, this.#used);
    this.#hash.update(filled);
    writeFully(this.#fd, filled);
    this.#used = 0;
  }

  #remember(entry: number, length: number, plainLength: number): void {
    const at = this.#blobCount * wordsPerBlob;
    if (at === this.#blobs.length) {
      const larger = new Uint32Array(this.#blobs.length * 2);
      larger.set(this.#blobs);
      this.#blobs = larger;
    }
    this.#blobs[at] = entry;
    this.#blobs[at + 1] = length;
    this.#blobs[at + 2] = plainLength;
    this.#blobCount++;
  }

  #takenBlobs(): Uint32Array {
    return this.#blobs.slice(0, this.#blobCount * wordsPerBlob);
  }

  #writeHeader(blobs: Uint32Array): void {
    const { index, sealer, type } = this.#options;
    const header = encodeHeaderEntries(packedBlobs(index, type, blobs));
    const sealed = Buffer.allocUnsafe(header.length + sealOverhead);
    sealer.seal(header, sealed);
    this.#write(sealed);
    this.#write(encodeHeaderLength(sealed.length));
  }

  #reset(): void {
    this.#fd = -1;
    this.#sizeBytes = 0;
    this.#blobCount = 0;
    this.#blobs = new Uint32Array(firstBlobs * wordsPerBlob);
  }
}

function packedBlobs(index: IndexTable, type: BlobType, blobs: Uint32Array): PackedBlob[] {
  const packed: PackedBlob[] = [];
  for (let at = 0; at < blobs.length; at += wordsPerBlob) {
    const blob = {
      id: index.idHex(blobs[at] ?? 0) as BlobId,
      type: type === dataBlob ? 'data' : 'tree',
      length: blobs[at + 1] ?? 0,
    } as const;
    const uncompressedLength = blobs[at + 2] ?? 0;
    packed.push(uncompressedLength === 0 ? blob : { ...blob, uncompressedLength });
  }
  return packed;
}

/** Registers a durable pack's blobs in the index. @returns the pack's number */
export function assignBlobs(index: IndexTable, pack: FinishedPack): number {
  const number = index.addPack(idToBytes(pack.id));
  let offset = 0;
  for (let at = 0; at < pack.blobs.length; at += wordsPerBlob) {
    const length = pack.blobs[at + 1] ?? 0;
    index.assign(pack.blobs[at] ?? 0, number, offset, length, pack.blobs[at + 2] ?? 0);
    offset += length;
  }
  return number;
}

function writeFully(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written, bytes.length - written);
}
