/**
 * Files outside packs: snapshots, locks and indexes. Their JSON is compressed (from version 2 on) and sealed, and the file's name is
 * the SHA-256 of what is stored. Source: restic's design document, "Unpacked Data Format".
 */
import { HoldfastError } from '../base/errors.ts';
import type { IndexId, LockId, SnapshotId } from '../base/ids.ts';
import { Compressor } from '../compression/compressor.ts';
import { decompressUnknown } from '../compression/decompress.ts';
import { sealOverhead } from '../crypto/sealer.ts';
import { sha256Hex } from '../crypto/sha256.ts';
import { classifyUnpacked, zstdMarker } from '../format/unpacked.ts';
import type { Backend, CallOptions } from '../storage/backend.ts';
import { inFile } from './damaged-file.ts';
import { loadVerified } from './verified-load.ts';

export interface UnpackedIds {
  readonly lock: LockId;
  readonly snapshot: SnapshotId;
  readonly index: IndexId;
}
export type UnpackedKind = keyof UnpackedIds;

/** The two calls of crypto's Sealer. */
export interface Sealing {
  seal(plain: Uint8Array, target: Uint8Array): number;
  unseal(sealed: Uint8Array, target: Uint8Array): number;
}

/** Of the format. */
export const firstCompressedVersion = 2;

/**
 * What a file may have at most, stored and decompressed: a lock holds a few hundred bytes, a snapshot the paths and excludes of a
 * command line, an index the blobs of its packs (restic once merged them all into one). More is taken for an attack on the memory.
 */
const maxBytesOf: Readonly<Record<UnpackedKind, number>> = {
  lock: 1024 * 1024,
  snapshot: 256 * 1024 * 1024,
  index: 1024 * 1024 * 1024,
};

/** More than a snapshot has as a rule. */
const scratchBytes = 16 * 1024;

export class UnpackedFiles {
  readonly #backend: Backend;
  readonly #sealing: Sealing;
  readonly #compressor: Compressor | undefined;
  /** For the time of one call: a buffer for each of ten thousand snapshots keeps the collector busy. */
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);

  /** @param version of the repository: 1 stores plain JSON */
  constructor(backend: Backend, sealing: Sealing, version: number) {
    this.#backend = backend;
    this.#sealing = sealing;
    this.#compressor = version >= firstCompressedVersion ? new Compressor('auto') : undefined;
  }

  /**
   * The file's JSON.
   * @throws HoldfastError `storage-missing`; `damaged` when the bytes are not those that the name promises, or do not open
   */
  async load<Kind extends UnpackedKind>(kind: Kind, id: UnpackedIds[Kind], { signal }: CallOptions = {}): Promise<Buffer> {
    const stored = await loadVerified(this.#backend, { kind, name: id }, { maxBytes: maxBytesOf[kind], signal });
    return inFile({ kind, name: id }, () => this.#decode(kind, stored));
  }

  /** Stores JSON as a file of its own and gives its id. Two calls with the same JSON make two files: each is sealed with a new nonce. */
  async save<Kind extends UnpackedKind>(kind: Kind, json: Uint8Array, options: CallOptions = {}): Promise<UnpackedIds[Kind]> {
    const encoded = this.#encode(json);
    const stored = Buffer.allocUnsafeSlow(encoded.length + sealOverhead);
    this.#sealing.seal(encoded, stored);
    const id = sha256Hex(stored) as UnpackedIds[Kind];
    this.#proveReadable(kind, stored, json);
    await this.#backend.save({ kind, name: id }, stored, options);
    return id;
  }

  async remove<Kind extends UnpackedKind>(kind: Kind, id: UnpackedIds[Kind], options: CallOptions = {}): Promise<void> {
    await this.#backend.remove({ kind, name: id }, options);
  }

  /** Gives back memory outside the JavaScript heap. */
  close(): void {
    this.#compressor?.close();
  }

  #encode(json: Uint8Array): Uint8Array {
    const target = Buffer.allocUnsafe(json.length + 1);
    const length = this.#compressor?.compress(json, target.subarray(1)) ?? 0;
    // What compression makes no smaller (most locks) is stored as the JSON it is.
    if (length === 0) return json;
    target[0] = zstdMarker;
    return target.subarray(0, length + 1);
  }

  #decode(kind: UnpackedKind, stored: Buffer): Buffer {
    const length = Math.max(0, stored.length - sealOverhead);
    const isSmall = length <= this.#scratch.length;
    const plain = isSmall ? this.#scratch.subarray(0, length) : Buffer.allocUnsafeSlow(length);
    this.#sealing.unseal(stored, plain);
    const isPlain = this.#compressor === undefined || classifyUnpacked(plain) === 'plain';
    if (!isPlain) return decompressUnknown(plain.subarray(1), maxBytesOf[kind]);
    return isSmall ? Buffer.from(plain) : plain;
  }

  /** Memory that flips bits would make a backup worthless without a word. Reading back costs little: such files are small. */
  #proveReadable(kind: UnpackedKind, stored: Buffer, json: Uint8Array): void {
    try {
      if (this.#decode(kind, stored).equals(json)) return;
    } catch (cause) {
      throw changedInMemory(kind, cause);
    }
    throw changedInMemory(kind, undefined);
  }
}

function changedInMemory(kind: UnpackedKind, cause: unknown): HoldfastError {
  return new HoldfastError('internal', `a ${kind} changed while it was sealed, and was not stored`, {
    hint: 'This happens when the memory or the processor of this machine is faulty: test them before you trust a backup made here.',
    cause,
  });
}
