/**
 * The header at the end of a pack, which lists its blobs:
 * `blob ... blob | sealed header | length of the sealed header as 4 bytes, little-endian`.
 *
 * An entry is: kind (1 byte) | sealed length (4, LE) | plain length (4, LE; compressed kinds only) | id (32). Offsets are not
 * stored: blobs follow each other from 0. This is about the plain header; sealing is not known here.
 */
import { HoldfastError } from '../base/errors.ts';
import { type BlobId, idFromBytes, idLengthBytes } from '../base/ids.ts';
import { asBuffer } from './utf8.ts';

export type BlobType = 'data' | 'tree';

export interface PackedBlob {
  readonly id: BlobId;
  readonly type: BlobType;
  /** Bytes in the pack, sealing included. */
  readonly length: number;
  /** Bytes after decompression; absent when the blob is stored as it is. */
  readonly uncompressedLength?: number;
}

export interface LocatedBlob extends PackedBlob {
  /** From the start of the pack. */
  readonly offset: number;
}

/** What sealing adds to a plaintext: nonce and MAC of 16 bytes each. */
export const sealingOverheadBytes = 32;
export const headerLengthFieldBytes = 4;
export const plainEntryBytes = 1 + 4 + idLengthBytes;
export const compressedEntryBytes = plainEntryBytes + 4;
/** restic reads no larger header: 16 MiB and the length field. */
export const maxSealedHeaderBytes = 16 * 1024 * 1024;
/** As many entries as fit into the largest header when all are compressed. */
export const maxHeaderEntries = Math.floor((maxSealedHeaderBytes - sealingOverheadBytes) / compressedEntryBytes);
/** A pack has one entry at least. */
export const minPackBytes = plainEntryBytes + sealingOverheadBytes + headerLengthFieldBytes;

/** Bytes that a finished pack has besides its blobs. */
export function packOverheadBytes(blobs: readonly PackedBlob[]): number {
  return blobs.reduce((sum, blob) => sum + entryBytes(blob), sealingOverheadBytes + headerLengthFieldBytes);
}

/** The plain header; the caller seals it. @throws HoldfastError `internal` when there are more entries than readers accept */
export function encodeHeaderEntries(blobs: readonly PackedBlob[]): Buffer {
  if (blobs.length > maxHeaderEntries) throw new HoldfastError('internal', 'a pack has more blobs than its header can list');
  const header = Buffer.allocUnsafe(blobs.reduce((sum, blob) => sum + entryBytes(blob), 0));
  let at = 0;
  for (const blob of blobs) at = writeEntry(header, at, blob);
  return header;
}

/** The length field that follows the sealed header. */
export function encodeHeaderLength(sealedHeaderBytes: number): Buffer {
  const field = Buffer.allocUnsafe(headerLengthFieldBytes);
  field.writeUInt32LE(sealedHeaderBytes);
  return field;
}

/**
 * Length in bytes of the sealed header, which ends where the length field begins.
 * @param tail the last bytes of the pack, 4 at least
 * @throws HoldfastError `damaged` when the pack cannot have such a header
 */
export function readHeaderLength(tail: Uint8Array, packBytes: number): number {
  if (packBytes < minPackBytes || tail.length < headerLengthFieldBytes) throw damagedPack('is too short', packBytes);
  const length = asBuffer(tail).readUInt32LE(tail.length - headerLengthFieldBytes);
  if (length <= sealingOverheadBytes) throw damagedPack('has an empty header', packBytes);
  if (length > packBytes - headerLengthFieldBytes) throw damagedPack('has a header larger than itself', packBytes);
  if (length > maxSealedHeaderBytes) throw damagedPack('has a header larger than allowed', packBytes);
  return length;
}

/** @throws HoldfastError `damaged` when the header is not a whole number of entries of known kinds */
export function decodeHeader(plain: Uint8Array): LocatedBlob[] {
  const header = asBuffer(plain);
  const blobs: LocatedBlob[] = [];
  let offset = 0;
  for (let at = 0; at < header.length; ) {
    const blob = readEntry(header, at, offset);
    blobs.push(blob);
    offset += blob.length;
    at += isCompressedKind(header[at] as number) ? compressedEntryBytes : plainEntryBytes;
  }
  return blobs;
}

/** As decodeHeader, entry by entry and without an object for a blob. The id is valid during the call only; types as in the index. */
export function scanHeaderEntries(
  plain: Uint8Array,
  onBlob: (id: Uint8Array, type: 0 | 1, offset: number, length: number, uncompressedLength: number) => void,
): void {
  const header = asBuffer(plain);
  let offset = 0;
  for (let at = 0; at < header.length; ) {
    const kind = header[at] as number;
    const end = at + entryBytesAt(header, at);
    const length = header.readUInt32LE(at + 1);
    const uncompressedLength = isCompressedKind(kind) ? header.readUInt32LE(at + 5) : 0;
    onBlob(header.subarray(end - idLengthBytes, end), (kind & treeBit) === 0 ? 0 : 1, offset, length, uncompressedLength);
    offset += length;
    at = end;
  }
}

const treeBit = 1;
const compressedBit = 2;
const highestKind = treeBit | compressedBit;

function isCompressedKind(kind: number): boolean {
  return (kind & compressedBit) !== 0;
}

function entryBytes(blob: PackedBlob): number {
  return blob.uncompressedLength ? compressedEntryBytes : plainEntryBytes;
}

function writeEntry(header: Buffer, start: number, blob: PackedBlob): number {
  const { uncompressedLength = 0 } = blob;
  header[start] = (blob.type === 'tree' ? treeBit : 0) | (uncompressedLength > 0 ? compressedBit : 0);
  let at = header.writeUInt32LE(blob.length, start + 1);
  if (uncompressedLength > 0) at = header.writeUInt32LE(uncompressedLength, at);
  return at + header.write(blob.id, at, idLengthBytes, 'hex');
}

/** @throws HoldfastError `damaged` when there is no whole entry of a known kind */
function entryBytesAt(header: Buffer, at: number): number {
  const kind = header[at] as number;
  if (kind > highestKind) throw damagedHeader('has an entry of unknown kind', at);
  const size = isCompressedKind(kind) ? compressedEntryBytes : plainEntryBytes;
  if (at + size > header.length) throw damagedHeader('ends within an entry', at);
  return size;
}

function readEntry(header: Buffer, at: number, offset: number): LocatedBlob {
  const kind = header[at] as number;
  const size = entryBytesAt(header, at);
  const id = idFromBytes<BlobId>(header.subarray(at + size - idLengthBytes, at + size));
  const blob: LocatedBlob = { id, type: (kind & treeBit) === 0 ? 'data' : 'tree', offset, length: header.readUInt32LE(at + 1) };
  const uncompressedLength = isCompressedKind(kind) ? header.readUInt32LE(at + 5) : 0;
  return uncompressedLength > 0 ? { ...blob, uncompressedLength } : blob;
}

function damagedPack(problem: string, packBytes: number): HoldfastError {
  return new HoldfastError('damaged', `a pack ${problem}`, { context: { sizeBytes: packBytes } });
}

function damagedHeader(problem: string, byteOffset: number): HoldfastError {
  return new HoldfastError('damaged', `the header of a pack ${problem}`, { context: { byteOffset } });
}
