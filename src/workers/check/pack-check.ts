/** Reads a pack once and proves every byte of it: the whole by its name, the blobs by MAC and id, the header by the index. */
import { HoldfastError } from '../../base/errors.ts';
import type { Sealer } from '../../crypto/sealer.ts';
import { sealOverhead } from '../../crypto/sealer.ts';
import { decodeHeader, headerLengthFieldBytes, maxSealedHeaderBytes, readHeaderLength } from '../../format/pack-header.ts';
import { assertBlobLengths, BlobDecoder } from '../blob-decoder.ts';
import type { IndexTable } from '../index-table.ts';
import type { PackGroups } from './pack-groups.ts';
import { type PieceReader, PackStream } from './pack-stream.ts';
import { type CheckProblem, errorProblem, type ProblemKind, reasonOf } from './problem.ts';

/** A pack has some thousand blobs. One with more that are wrong is wrong as a whole, and hostile ones may have half a million. */
const maxProblems = 1000;
const maxTailBytes = maxSealedHeaderBytes + headerLengthFieldBytes;
const nonceLength = 16;

export interface OpenedPack {
  readonly group: number;
  readonly sizeBytes: number;
  readonly read: PieceReader;
}

export class PackCheck {
  readonly #groups: PackGroups;
  readonly #index: IndexTable;
  readonly #sealer: Sealer;
  readonly #decoder: BlobDecoder;
  readonly #stream = new PackStream();
  #problems: CheckProblem[] = [];
  #pack = '';

  constructor(groups: PackGroups, sealer: Sealer) {
    this.#groups = groups;
    this.#index = groups.index;
    this.#sealer = sealer;
    this.#decoder = new BlobDecoder(sealer);
  }

  /** Gives way after each blob; one pack at a time. @throws what `read` throws */
  *run({ group, sizeBytes, read }: OpenedPack): Generator<undefined, CheckProblem[], undefined> {
    this.#problems = [];
    this.#pack = this.#index.packIdHex(group);
    this.#stream.open(read);
    const end = yield* this.#checkBlobs(group, sizeBytes);
    this.#checkTail(group, end, sizeBytes);
    this.#checkWhole(sizeBytes);
    return this.#problems;
  }

  /** @returns where the last blob that could be read ends */
  *#checkBlobs(group: number, sizeBytes: number): Generator<undefined, number, undefined> {
    let end = 0;
    for (const entry of this.#groups.entriesOf(group)) {
      const offset = this.#index.offsetOf(entry);
      const length = this.#index.lengthOf(entry);
      if (offset > end)
        this.#add('pack-layout', `pack ${this.#pack} has ${offset - end} bytes before position ${offset} that belong to no blob`);
      if (offset < end) this.#addBlob(entry, 'in the index it overlaps the blob before it');
      else if (offset + length > sizeBytes) this.#addBlob(entry, `it would end at ${offset + length}, but the pack has ${sizeBytes} bytes`);
      else {
        this.#checkBlob(entry, offset, length);
        end = offset + length;
        yield;
      }
    }
    return end;
  }

  #checkBlob(entry: number, offset: number, length: number): void {
    try {
      const plainLength = this.#index.plainLengthOf(entry);
      assertBlobLengths(length, plainLength);
      const sealed = this.#stream.take(offset, length);
      if (sealed === undefined) throw new HoldfastError('damaged', 'the pack ended before it');
      this.#decoder.decode(sealed, plainLength, this.#index.idHex(entry));
    } catch (error) {
      this.#addBlob(entry, reasonOf(error));
    }
  }

  /** What follows the blobs is the header, all of it and nothing else. */
  #checkTail(group: number, blobsEnd: number, sizeBytes: number): void {
    const offset = Math.max(blobsEnd, sizeBytes - maxTailBytes);
    const tail = this.#stream.take(offset, Math.max(0, sizeBytes - offset));
    try {
      if (tail === undefined) throw new HoldfastError('damaged', 'the pack ended before it');
      const headerLength = readHeaderLength(tail, sizeBytes);
      const start = sizeBytes - headerLengthFieldBytes - headerLength;
      if (start > blobsEnd)
        this.#add('pack-layout', `pack ${this.#pack} has ${start - blobsEnd} bytes before its header that belong to no blob`);
      if (start < blobsEnd) throw new HoldfastError('damaged', `it would begin ${blobsEnd - start} bytes before the last blob ends`);
      this.#compareHeader(group, tail.subarray(tail.length - headerLengthFieldBytes - headerLength, tail.length - headerLengthFieldBytes));
    } catch (error) {
      this.#add('pack-header', `the header of pack ${this.#pack} is damaged: ${reasonOf(error)}`);
    }
  }

  #compareHeader(group: number, sealed: Buffer): void {
    const plain = sealed.subarray(nonceLength, nonceLength + Math.max(0, sealed.length - sealOverhead));
    this.#sealer.unseal(sealed, plain);
    if (plain.equals(this.#groups.expectedHeader(group))) return;
    const listed = decodeHeader(plain);
    const entries = this.#groups.entriesOf(group);
    if (listed.length !== entries.length) {
      this.#add('pack-header', `the header of pack ${this.#pack} lists ${listed.length} blobs where the index has ${entries.length}`);
    }
    const known = new Set(Array.from(entries, (entry) => this.#describeEntry(entry)));
    for (const blob of listed) {
      const description = describeBlob(blob.type, blob.id, blob.offset, blob.length, blob.uncompressedLength ?? 0);
      if (!known.has(description)) {
        this.#add('pack-header', `the header of pack ${this.#pack} has blob ${blob.id}, which the index has elsewhere or not at all`, {
          blob: blob.id,
        });
      }
    }
  }

  #checkWhole(expectedBytes: number): void {
    const { sizeBytes, sha256 } = this.#stream.finish();
    if (sizeBytes !== expectedBytes) {
      this.#add('pack-damaged', `pack ${this.#pack} gave ${sizeBytes} bytes when it was read, instead of ${expectedBytes}`);
    }
    if (sha256 !== this.#pack) this.#add('pack-damaged', `the content of pack ${this.#pack} does not have the SHA-256 that is its name`);
  }

  #describeEntry(entry: number): string {
    const index = this.#index;
    const type = index.typeOf(entry) === 1 ? 'tree' : 'data';
    return describeBlob(type, index.idHex(entry), index.offsetOf(entry), index.lengthOf(entry), index.plainLengthOf(entry));
  }

  #addBlob(entry: number, reason: string): void {
    const blob = this.#index.idHex(entry);
    const what = this.#index.typeOf(entry) === 1 ? 'tree' : 'data';
    this.#add('blob', `${what} blob ${blob} in pack ${this.#pack} is damaged: ${reason}`, { blob, type: what });
  }

  #add(kind: ProblemKind, message: string, context: CheckProblem['context'] = {}): void {
    if (this.#problems.length > maxProblems) return;
    const isLast = this.#problems.length === maxProblems;
    const text = isLast ? `pack ${this.#pack} has more problems than are listed` : message;
    this.#problems.push(errorProblem(kind, text, { pack: this.#pack, ...(isLast ? {} : context) }));
  }
}

function describeBlob(type: string, id: string, offset: number, length: number, plainLength: number): string {
  return `${type} ${id} ${offset} ${length} ${plainLength}`;
}
