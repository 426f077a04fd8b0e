/**
 * Copies blobs out of packs into new ones.
 *
 * A blob goes over sealed as it is, for the key is the same. Before that it is opened, decompressed and compared with its id: after a
 * prune there is no other copy, so what is written must be right, and a wrong blob stops the prune while its pack still lies there.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { type CompressionMode, Compressor } from '../../compression/compressor.ts';
import { openZstd } from '../../compression/open-zstd.ts';
import type { ZstdEncoder } from '../../compression/zstd.ts';
import { type Sealer, sealOverhead, sealStart } from '../../crypto/sealer.ts';
import type { PackWriter } from '../archive/pack-writer.ts';
import { assertBlobLengths, BlobDecoder } from '../blob-decoder.ts';
import { damagedBlob } from '../blob-reader.ts';
import { dataBlob, type IndexTable } from '../index-table.ts';
import { ReusedBuffer } from '../reused-buffer.ts';
import type { CopyRequest } from './messages.ts';

/** Not blocking: a named pipe in the place of a pack would otherwise hold the open for ever. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;
/** Most blobs are smaller; see BlobReader. */
const usualBytes = 1 << 20;
/** Room for a frame beyond the content and 1/128 of it; ZSTD_compressBound of zstd.h asks for 1/256 and at most 64 bytes. */
const minFrameRoom = 128;

export interface BlobCopierOptions {
  readonly index: IndexTable;
  readonly sealer: Sealer;
  readonly packFolder: string | undefined;
  readonly compression: CompressionMode;
  readonly writers: { readonly data: PackWriter; readonly tree: PackWriter };
}

/** Fills the target with the bytes at this place of the pack. */
type SpanReader = (target: Uint8Array, offset: number) => void;

export class BlobCopier {
  readonly #options: BlobCopierOptions;
  readonly #decoder: BlobDecoder;
  readonly #sealed = new ReusedBuffer(usualBytes);
  /** Deciphered in place, so that the sealed bytes stay as they were. */
  readonly #opened = new ReusedBuffer(usualBytes);
  readonly #recompressed = new ReusedBuffer(0);
  readonly #compressor: Compressor;
  #forced: ZstdEncoder | undefined;

  constructor(options: BlobCopierOptions) {
    this.#options = options;
    this.#decoder = new BlobDecoder(options.sealer);
    this.#compressor = new Compressor(options.compression === 'off' ? 'auto' : options.compression);
  }

  /** @throws HoldfastError `damaged` naming blob and pack, `storage-*` when the pack cannot be read */
  copy(request: CopyRequest): void {
    const { bytes, pack } = request;
    if (bytes !== undefined) return this.#copyAll(request, (target, offset) => copySpan(bytes, target, offset));
    const fd = openSync(join(this.#options.packFolder ?? '', pack.slice(0, 2), pack), openFlags);
    try {
      this.#copyAll(request, (target, offset) => readSpan(fd, target, offset));
    } finally {
      closeSync(fd);
    }
  }

  #copyAll({ entries, pack, mustCompress }: CopyRequest, read: SpanReader): void {
    for (const entry of entries) {
      try {
        this.#copyBlob(entry, mustCompress, read);
      } catch (thrown) {
        const error = asHoldfastError(thrown);
        throw error.code === 'damaged' ? this.#describe(entry, pack, error) : error;
      }
    }
  }

  #copyBlob(entry: number, mustCompress: boolean, read: SpanReader): void {
    const { index, writers } = this.#options;
    const length = index.lengthOf(entry);
    const plainLength = index.plainLengthOf(entry);
    assertBlobLengths(length, plainLength);
    const sealed = this.#sealed.take(length);
    read(sealed, index.offsetOf(entry));
    const opened = this.#opened.take(length);
    opened.set(sealed);
    const plain = this.#decoder.decode(opened, plainLength, index.idHex(entry));
    const writer = index.typeOf(entry) === dataBlob ? writers.data : writers.tree;
    // An empty blob cannot be marked as compressed: its length before compression would be 0.
    if (!mustCompress || plainLength > 0 || plain.length === 0) writer.add(entry, sealed, plainLength);
    else writer.add(entry, this.#recompress(plain), plain.length);
  }

  /** Also where it saves nothing, as restic does: otherwise the blob would have to be looked at again in every prune. */
  #recompress(plain: Uint8Array): Uint8Array {
    const boundBytes = plain.length + (plain.length >> 7) + minFrameRoom;
    const target = this.#recompressed.take(boundBytes + sealOverhead);
    const frame = target.subarray(sealStart, sealStart + boundBytes);
    const length = this.#compressor.compress(plain, frame) || this.#force(plain, frame);
    if (length === 0) throw new HoldfastError('internal', 'a compressed blob is longer than zstd says it can be');
    return target.subarray(0, this.#options.sealer.seal(frame.subarray(0, length), target));
  }

  #force(plain: Uint8Array, frame: Uint8Array): number {
    this.#forced ??= openZstd().createEncoder({ level: 1 });
    return this.#forced.encode(plain, frame);
  }

  #describe(entry: number, pack: string, problem: HoldfastError): HoldfastError {
    const { message, context } = damagedBlob(this.#options.index.idHex(entry), pack, problem);
    return new HoldfastError('damaged', message, {
      hint: `Nothing that is needed was removed. Save what is whole of the pack with \`holdfast repair packs ${pack}\`, then run the command again.`,
      context,
      cause: problem,
    });
  }
}

function copySpan(bytes: Uint8Array, target: Uint8Array, offset: number): void {
  if (offset + target.length > bytes.length) throw shortPack();
  target.set(bytes.subarray(offset, offset + target.length));
}

function readSpan(fd: number, target: Uint8Array, offset: number): void {
  for (let done = 0; done < target.length; ) {
    const count = readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) throw shortPack();
    done += count;
  }
}

function shortPack(): HoldfastError {
  return new HoldfastError('damaged', 'the pack is shorter than the index says');
}
