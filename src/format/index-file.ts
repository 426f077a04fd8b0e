/**
 * Index files: which blobs lie where in which packs. `{"packs":[{"id","blobs":[{"id","type","offset","length",...}]}]}`
 *
 * A repository of a terabyte has gigabytes of this JSON, so it is read without making an object or a string for a blob.
 */
import { HoldfastError } from '../base/errors.ts';
import { idLengthBytes, type PackId } from '../base/ids.ts';
import { Literal } from './json-literal.ts';
import { JsonScanner } from './json-scanner.ts';
import type { LocatedBlob } from './pack-header.ts';

export interface IndexedPack {
  readonly id: PackId;
  readonly blobs: readonly LocatedBlob[];
}

/** Types of blobs as the scanner hands them out. */
export const dataBlob = 0;
export const treeBlob = 1;
export type BlobTypeNumber = typeof dataBlob | typeof treeBlob;

/** Gets what an index says, in order: a pack, then its blobs. Arrays are valid during the call only. */
export interface IndexSink {
  /** Blobs that follow lie in this pack. `id` has 32 bytes. */
  pack(id: Uint8Array): void;
  /** Lengths in bytes: `length` sealed in the pack, `uncompressedLength` 0 when stored as it is. */
  blob(id: Uint8Array, type: BlobTypeNumber, offset: number, length: number, uncompressedLength: number): void;
  /** An index that this one replaces; no writer of today leaves any. */
  supersedes?(id: Uint8Array): void;
}

/** restic closes an index at 50,000 blobs (10 MB); very old ones merged all into one file. */
const maxIndexBytes = 1024 * 1024 * 1024;

/** The JSON text of an index, as restic writes it. */
export function encodeIndex(packs: Iterable<IndexedPack>): Buffer {
  const text = new GrowingText();
  let separator = '{"packs":[';
  // Pack by pack: as one text a usual index would stand in memory three times, with 10 MB each.
  for (const pack of packs) {
    text.add(`${separator}{"id":"${pack.id}","blobs":[${pack.blobs.map(encodeBlob).join(',')}]}`);
    separator = ',';
  }
  text.add(separator === ',' ? ']}\n' : `${separator}]}\n`);
  return text.bytes();
}

/** Bytes of plain text, in a buffer that gives its memory back whenever it moves to a larger one. */
class GrowingText {
  #memory = new ArrayBuffer(1 << 16);
  #length = 0;

  add(text: string): void {
    const needed = this.#length + text.length;
    if (needed > this.#memory.byteLength) this.#memory = this.#memory.transfer(Math.max(needed, 2 * this.#memory.byteLength));
    this.#length += Buffer.from(this.#memory).write(text, this.#length, 'latin1');
  }

  bytes(): Buffer {
    return Buffer.from(this.#memory, 0, this.#length);
  }
}

function encodeBlob(blob: LocatedBlob): string {
  const text = `{"id":"${blob.id}","type":"${blob.type}","offset":${blob.offset},"length":${blob.length}`;
  return blob.uncompressedLength ? `${text},"uncompressed_length":${blob.uncompressedLength}}` : `${text}}`;
}

/**
 * Reads an index file. What the sink got before an error is not to be used.
 * @throws HoldfastError `damaged` with `byteOffset` in its context; `repository-unsupported` for the format before restic 0.2
 */
export function scanIndex(bytes: Uint8Array, sink: IndexSink): void {
  if (bytes.length > maxIndexBytes) {
    throw new HoldfastError('repository-unsupported', 'an index is larger than can be read here', { context: { sizeBytes: bytes.length } });
  }
  const scanner = new JsonScanner(bytes, 'an index');
  if (scanner.peek() === openBracket) throw oldIndex();
  const reader = new IndexReader(scanner, sink);
  reader.readIndex();
  if (scanner.peek() !== endOfInput) throw scanner.fail('goes on after its end');
}

function oldIndex(): HoldfastError {
  return new HoldfastError('repository-unsupported', 'an index is in the format of restic before 0.2', {
    hint: 'Make the index anew from the packs with `repair index`.',
  });
}

const openBracket = 0x5b;
const endOfInput = -1;
const comma = 0x2c;
const closeBrace = 0x7d;

// The texts between values in the order in which restic writes them; anything else takes the general way.
const packIdStart = new Literal('{"id":"');
const packBlobsStart = new Literal('","blobs":[');
const blobIdStart = new Literal('{"id":"');
const dataType = new Literal('","type":"data","offset":');
const treeType = new Literal('","type":"tree","offset":');
const lengthStart = new Literal(',"length":');
const uncompressedLengthStart = new Literal(',"uncompressed_length":');

class IndexReader {
  readonly #scanner: JsonScanner;
  readonly #sink: IndexSink;
  readonly #packId = new Uint8Array(idLengthBytes);
  readonly #blobId = new Uint8Array(idLengthBytes);
  readonly #readBlob = (): void => {
    if (!this.#readUsualBlob()) this.#readAnyBlob();
  };

  constructor(scanner: JsonScanner, sink: IndexSink) {
    this.#scanner = scanner;
    this.#sink = sink;
  }

  readIndex(): void {
    const scanner = this.#scanner;
    let hasPacks = false;
    scanner.readObject((key) => {
      if (key === 'packs') {
        hasPacks = true;
        scanner.readArray(() => this.#readPack());
      } else if (key === 'supersedes') scanner.readArray(() => this.#readSuperseded());
      else scanner.skipValue();
    });
    if (!hasPacks) throw scanner.fail('has no packs');
  }

  #readSuperseded(): void {
    this.#scanner.readId(this.#packId);
    this.#sink.supersedes?.(this.#packId);
  }

  #readPack(): void {
    const scanner = this.#scanner;
    scanner.peek();
    const start = scanner.position;
    if (scanner.acceptLiteral(packIdStart)) {
      scanner.readIdDigits(this.#packId);
      if (scanner.acceptLiteral(packBlobsStart)) {
        this.#sink.pack(this.#packId);
        scanner.readArrayRest(this.#readBlob);
        if (scanner.accept(closeBrace)) return;
        // Keys that are not known may follow the blobs; they are all that is left to read.
        if (!scanner.accept(comma)) throw scanner.fail('has a pack that does not end');
        this.#skipRestOfPack();
        return;
      }
    }
    scanner.rewind(start);
    this.#readAnyPack();
  }

  #skipRestOfPack(): void {
    const scanner = this.#scanner;
    do {
      const key = scanner.readString();
      if (key === 'id' || key === 'blobs') throw scanner.fail('has a pack with a key twice');
      if (!scanner.accept(0x3a)) throw scanner.fail('lacks a colon');
      scanner.skipValue();
    } while (scanner.accept(comma));
    if (!scanner.accept(closeBrace)) throw scanner.fail('has a pack that does not end');
  }

  /** The blobs may come before the id: they are passed first and read when the object has ended. */
  #readAnyPack(): void {
    const scanner = this.#scanner;
    let blobsAt = -1;
    let hasId = false;
    scanner.readObject((key) => {
      if (key === 'id' && !hasId) {
        hasId = true;
        scanner.readId(this.#packId);
      } else if (key === 'blobs' && blobsAt < 0) {
        scanner.peek();
        blobsAt = scanner.position;
        scanner.skipValue();
      } else if (key === 'id' || key === 'blobs') throw scanner.fail('has a pack with a key twice');
      else scanner.skipValue();
    });
    if (!hasId) throw scanner.fail('has a pack without id');
    this.#sink.pack(this.#packId);
    if (blobsAt < 0) return;
    const end = scanner.position;
    scanner.rewind(blobsAt);
    scanner.readArray(this.#readBlob);
    scanner.rewind(end);
  }

  /** Reads a blob whose keys come as restic writes them; else consumes nothing and says false. */
  #readUsualBlob(): boolean {
    const scanner = this.#scanner;
    const start = scanner.position;
    if (!scanner.acceptLiteral(blobIdStart)) return false;
    scanner.readIdDigits(this.#blobId);
    const isData = scanner.acceptLiteral(dataType);
    if (isData || scanner.acceptLiteral(treeType)) {
      const offset = scanner.readUint32();
      if (scanner.acceptLiteral(lengthStart)) {
        const length = scanner.readUint32();
        const uncompressedLength = scanner.acceptLiteral(uncompressedLengthStart) ? scanner.readUint32() : 0;
        if (scanner.accept(closeBrace)) {
          this.#sink.blob(this.#blobId, isData ? dataBlob : treeBlob, offset, length, uncompressedLength);
          return true;
        }
      }
    }
    scanner.rewind(start);
    return false;
  }

  #readAnyBlob(): void {
    const scanner = this.#scanner;
    let hasId = false;
    let type: BlobTypeNumber | undefined;
    let offset = -1;
    let length = -1;
    let uncompressedLength = 0;
    scanner.readObject((key) => {
      if (key === 'id') {
        hasId = true;
        scanner.readId(this.#blobId);
      } else if (key === 'type') type = this.#readType();
      else if (key === 'offset') offset = scanner.readUint32();
      else if (key === 'length') length = scanner.readUint32();
      else if (key === 'uncompressed_length') uncompressedLength = scanner.readUint32();
      else scanner.skipValue();
    });
    if (!hasId || type === undefined || offset < 0 || length < 0) throw scanner.fail('has a blob without id, type, offset or length');
    this.#sink.blob(this.#blobId, type, offset, length, uncompressedLength);
  }

  #readType(): BlobTypeNumber {
    const type = this.#scanner.readString();
    if (type === 'data') return dataBlob;
    if (type === 'tree') return treeBlob;
    throw this.#scanner.fail('has a blob of unknown type');
  }
}
