/** Writes index files into the staging folder: the text is made byte by byte, for a file has the ids of 50,000 blobs. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { HoldfastError } from '../../base/errors.ts';
import { Compressor } from '../../compression/compressor.ts';
import { decompress } from '../../compression/decompress.ts';
import { type Sealer, sealOverhead, sealStart } from '../../crypto/sealer.ts';
import { sha256Hex } from '../../crypto/sha256.ts';
import { zstdMarker } from '../../format/unpacked.ts';
import { dataBlob, IndexTable } from '../index-table.ts';
import type { PackEntries, WriteIndexRequest } from './messages.ts';

/** `{"id":"","type":"data","offset":,"length":,"uncompressed_length":},` with 64 digits of the id and 10 of each number is 158. */
const maxBlobTextBytes = 160;
/** `{"id":"","blobs":[]},` with the id is 85. */
const maxPackTextBytes = 96;

export class IndexWriter {
  readonly #sealer: Sealer;
  /** Of digits there is nothing to find that level 1 does not: 3 % smaller than by `auto`, in three quarters of the time. */
  readonly #compressor = new Compressor('fastest');

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  /** @returns the id of the file */
  write({ index, packs, stagedPath, isCompressed }: WriteIndexRequest): string {
    const json = encode(IndexTable.attach(index), packs);
    const sealed = Buffer.allocUnsafeSlow(json.length + 1 + sealOverhead);
    try {
      // Put together where it is sealed: the marker, then the frame.
      const content = sealed.subarray(sealStart);
      const frameBytes = isCompressed ? this.#compressor.compress(json, content.subarray(1)) : 0;
      content[0] = zstdMarker;
      const stored = sealed.subarray(0, this.#sealer.seal(frameBytes === 0 ? json : content.subarray(0, frameBytes + 1), sealed));
      const id = sha256Hex(stored);
      writeFile(stagedPath, stored);
      this.#proveReadable(stored, json, frameBytes > 0);
      return id;
    } finally {
      for (const buffer of [json, sealed]) release(buffer);
    }
  }

  /**
   * The files that this one replaces are removed afterwards: memory that flips bits must not make it worthless. Both buffers are
   * overwritten, for such a text has 8 MB and there is one for each thread.
   */
  #proveReadable(stored: Buffer, json: Buffer, isCompressed: boolean): void {
    const expected = sha256Hex(json);
    const plain = stored.subarray(sealStart, sealStart + stored.length - sealOverhead);
    this.#sealer.unseal(stored, plain);
    if (isCompressed) decompress(plain.subarray(1), json);
    if (sha256Hex(isCompressed ? json : plain) === expected) return;
    throw new HoldfastError('internal', 'an index changed while it was sealed, and was not stored', {
      hint: 'This happens when the memory or the processor of this machine is faulty: test them. Nothing was removed.',
    });
  }
}

/** As encodeIndex of format/index-file.ts. */
function encode(index: IndexTable, packs: readonly PackEntries[]): Buffer {
  const blobCount = packs.reduce((sum, { entries }) => sum + entries.length, 0);
  const text = Buffer.allocUnsafeSlow(32 + blobCount * maxBlobTextBytes + packs.length * maxPackTextBytes);
  let at = text.write('{"packs":[', 0, 'latin1');
  for (const [position, { pack, entries }] of packs.entries()) {
    at += text.write(`${position === 0 ? '' : ','}{"id":"${index.packIdHex(pack)}","blobs":[`, at, 'latin1');
    let separator = '';
    for (const entry of entries) {
      at += text.write(separator + blobText(index, entry), at, 'latin1');
      separator = ',';
    }
    at += text.write(']}', at, 'latin1');
  }
  return text.subarray(0, at + text.write(']}\n', at, 'latin1'));
}

function blobText(index: IndexTable, entry: number): string {
  const plainLength = index.plainLengthOf(entry);
  const type = index.typeOf(entry) === dataBlob ? 'data' : 'tree';
  const place = `"type":"${type}","offset":${index.offsetOf(entry)},"length":${index.lengthOf(entry)}`;
  return `{"id":"${index.idHex(entry)}",${place}${plainLength === 0 ? '' : `,"uncompressed_length":${plainLength}`}}`;
}

function writeFile(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written, bytes.length - written);
  } finally {
    closeSync(fd);
  }
}

/** Gives the memory back at once: the collector sees only small objects. */
function release(bytes: Buffer): void {
  if (bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}
