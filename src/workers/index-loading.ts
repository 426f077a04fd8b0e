/** Reads one index file of a local repository into the shared table. */
import { readFileSync } from 'node:fs';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { decompressUnknown } from '../compression/decompress.ts';
import { type Sealer, sealOverhead } from '../crypto/sealer.ts';
import { sha256Hex } from '../crypto/sha256.ts';
import { type IndexSink, scanIndex } from '../format/index-file.ts';
import type { IndexTable } from './index-table.ts';

/** A compressed index that would unpack to more than this is no index: restic closes one at 50,000 blobs, 10 MB. */
const maxIndexBytes = 1 << 30;
const compressedMark = 2;

/**
 * @returns the numbers that the table gave to the packs of this file
 * @throws HoldfastError `damaged` naming the file, `storage-*` when it cannot be read
 */
export function loadIndexPath(path: string, id: string, sealer: Sealer, index: IndexTable): Uint32Array {
  const stored = readIndexFile(path);
  const packs = loadIndexBytes(stored, id, sealer, index);
  release(stored);
  return packs;
}

/** @param stored the file's bytes as they are in the repository */
export function loadIndexBytes(stored: Uint8Array, id: string, sealer: Sealer, index: IndexTable): Uint32Array {
  const sink = new TableSink(index);
  try {
    if (sha256Hex(stored) !== id) throw new HoldfastError('damaged', 'its content does not have the hash that its name says');
    const json = openIndex(stored, sealer);
    scanIndex(json, sink);
    release(json);
    return Uint32Array.from(sink.packs);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'damaged') throw error;
    throw new HoldfastError('damaged', `index ${id} is damaged: ${error.message}`, {
      hint: 'Make the index anew from the packs with `repair index`.',
      context: { ...error.context, file: `index/${id}` },
      cause: error,
    });
  }
}

function readIndexFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw asHoldfastError(error);
  }
}

function openIndex(stored: Uint8Array, sealer: Sealer): Buffer {
  const plain = Buffer.allocUnsafeSlow(Math.max(0, stored.length - sealOverhead));
  sealer.unseal(stored, plain);
  if (plain[0] !== compressedMark) return plain;
  const json = decompressUnknown(plain.subarray(1), maxIndexBytes);
  release(plain);
  return json;
}

/** Gives the memory back at once: the collector takes some 10 MB a file for nothing, because it sees only the small object. */
function release(bytes: Buffer): void {
  if (bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

class TableSink implements IndexSink {
  readonly packs: number[] = [];
  readonly #index: IndexTable;
  #pack = 0;

  constructor(index: IndexTable) {
    this.#index = index;
  }

  pack(id: Uint8Array): void {
    this.#pack = this.#index.addPack(id);
    this.packs.push(this.#pack);
  }

  blob(id: Uint8Array, type: 0 | 1, offset: number, length: number, uncompressedLength: number): void {
    this.#index.insert(id, type, this.#pack, offset, length, uncompressedLength);
  }
}
