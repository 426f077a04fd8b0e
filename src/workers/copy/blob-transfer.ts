/**
 * Takes a blob out of one repository and puts it into another: unseal, decompress, prove by its id, seal with the other key, pack.
 *
 * A blob that is compressed keeps its frame, so that nothing is compressed again. It is proved nevertheless: damage must not travel.
 */
import { toErrorRecord } from '../../base/errors.ts';
import { type CompressionMode, Compressor } from '../../compression/compressor.ts';
import { type Sealer, sealOverhead, sealStart } from '../../crypto/sealer.ts';
import { compressedEntryBytes, plainEntryBytes } from '../../format/pack-header.ts';
import { Counter, type Counters } from '../archive/counters.ts';
import type { PackWriter } from '../archive/pack-writer.ts';
import type { OpenedBlob } from '../blob-decoder.ts';
import { dataBlob, type BlobType, type IndexTable } from '../index-table.ts';
import { ReusedBuffer } from '../reused-buffer.ts';
import type { CopyWriting, LostBlob } from './messages.ts';

export interface BlobTransferOptions {
  readonly source: IndexTable;
  readonly destination: IndexTable;
  readonly sealer: Sealer;
  readonly packs: { readonly data: PackWriter; readonly tree: PackWriter };
  readonly counters: Counters;
  readonly writing: CopyWriting;
}

/** Opens a blob of the source, proved. What it gives holds until the next call. @throws HoldfastError */
export type BlobOpener = (entry: number) => OpenedBlob;

/** Of a blob that is sealed anew, not in place: most chunks. */
const usualBytes = 2 << 20;

export class BlobTransfer {
  readonly #options: BlobTransferOptions;
  readonly #dataCompressor: Compressor | undefined;
  readonly #treeCompressor: Compressor | undefined;
  readonly #sealed = new ReusedBuffer(usualBytes);
  readonly #id = new Uint8Array(32);

  constructor(options: BlobTransferOptions) {
    this.#options = options;
    const { isCompressed, compression } = options.writing;
    this.#treeCompressor = isCompressed ? new Compressor(treeMode(compression)) : undefined;
    this.#dataCompressor = compression === 'off' ? undefined : this.#treeCompressor;
  }

  /** @returns the blobs that cannot be read. @throws HoldfastError when the destination cannot be written */
  transfer(entries: Uint32Array, open: BlobOpener): LostBlob[] {
    const lost: LostBlob[] = [];
    for (const entry of entries) {
      this.#options.counters.add(Counter.doneBytes, this.#options.source.lengthOf(entry));
      const opened = tryOpen(entry, open, lost);
      if (opened !== undefined) this.#store(entry, opened);
    }
    return lost;
  }

  #store(entry: number, opened: OpenedBlob): void {
    const { source, destination, packs } = this.#options;
    const type = source.typeOf(entry);
    source.copyId(entry, this.#id);
    // Only now that it is proved: what was claimed counts as stored for everybody else.
    const target = destination.claim(this.#id, type);
    if (target < 0) return;
    const { sealed, plainLength } = this.#seal(type, source.plainLengthOf(entry) > 0, opened);
    this.#count(type, opened.plain.length, sealed.length + (plainLength === 0 ? plainEntryBytes : compressedEntryBytes));
    (type === dataBlob ? packs.data : packs.tree).add(target, sealed, plainLength);
  }

  #seal(type: BlobType, isFrame: boolean, { plain, content, sealed }: OpenedBlob): { sealed: Uint8Array; plainLength: number } {
    const { sealer, writing } = this.#options;
    if (isFrame && writing.isCompressed && !writing.recompress) {
      sealer.seal(content, sealed);
      return { sealed, plainLength: plain.length };
    }
    const compressor = type === dataBlob ? this.#dataCompressor : this.#treeCompressor;
    const target = this.#sealed.take(plain.length + sealOverhead);
    const frame = target.subarray(sealStart);
    const frameLength = compressor?.compress(plain, frame) ?? 0;
    const length = sealer.seal(frameLength === 0 ? plain : frame.subarray(0, frameLength), target);
    return { sealed: target.subarray(0, length), plainLength: frameLength === 0 ? 0 : plain.length };
  }

  /** @param packedBytes with the blob's entry in the header of its pack */
  #count(type: BlobType, plainBytes: number, packedBytes: number): void {
    const { counters } = this.#options;
    const isData = type === dataBlob;
    counters.add(isData ? Counter.dataBlobs : Counter.treeBlobs, 1);
    counters.add(isData ? Counter.dataBytes : Counter.treeBytes, plainBytes);
    counters.add(isData ? Counter.dataPackedBytes : Counter.treePackedBytes, packedBytes);
  }
}

/** Trees are compressed even where data is not to be, as in a backup. */
function treeMode(mode: CompressionMode): CompressionMode {
  return mode === 'off' ? 'auto' : mode;
}

function tryOpen(entry: number, open: BlobOpener, lost: LostBlob[]): OpenedBlob | undefined {
  try {
    return open(entry);
  } catch (error) {
    lost.push({ entry, error: toErrorRecord(error) });
    return undefined;
  }
}
