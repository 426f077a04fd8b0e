/** Finds out which blobs of a damaged pack are whole, by what the index and the pack's own header say of it. */
import { asHoldfastError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import type { Sealer } from '../../crypto/sealer.ts';
import type { LocatedBlob } from '../../format/pack-header.ts';
import type { Backend, CallOptions } from '../../storage/backend.ts';
import { assertBlobLengths, BlobDecoder } from '../../workers/blob-decoder.ts';
import { type BlobType, dataBlob, treeBlob } from '../../workers/index-table.ts';
import { damageOf } from '../../workers/prune/header-indexer.ts';
import { loadPackHeader } from '../blobs/load-pack-header.ts';

export interface SealedCopy {
  readonly id: BlobId;
  readonly type: BlobType;
  /** As it stands in the pack; valid until the next one is asked for. */
  readonly sealed: Buffer;
  /** Before compression, 0 when it is not compressed. */
  readonly plainLength: number;
}

/** A blob that should be in the pack, and the places where it may be: the index and the header may say different things. */
export interface Candidate {
  readonly id: BlobId;
  readonly type: BlobType;
  readonly places: readonly LocatedBlob[];
}

export class PackSalvage {
  readonly #backend: Backend;
  readonly #sealer: Sealer;
  readonly #decoder: BlobDecoder;

  constructor(backend: Backend, sealer: Sealer) {
    this.#backend = backend;
    this.#sealer = sealer;
    this.#decoder = new BlobDecoder(sealer);
  }

  /** What the index says, and what the header adds to it where it can be read. */
  async candidates(
    pack: { readonly id: string; readonly sizeBytes: number },
    indexed: readonly LocatedBlob[],
    options: CallOptions = {},
  ): Promise<Candidate[]> {
    const found = new Map<string, { id: BlobId; type: BlobType; places: LocatedBlob[] }>();
    for (const blob of [...indexed, ...(await this.#readHeader(pack, options))]) {
      const key = blob.type + blob.id;
      const known = found.get(key) ?? { id: blob.id, type: blob.type === 'data' ? dataBlob : treeBlob, places: [] };
      if (!known.places.some((place) => isSamePlace(place, blob))) known.places.push(blob);
      found.set(key, known);
    }
    return [...found.values()];
  }

  /** The blob from the first place where it is whole; undefined when it is whole nowhere. */
  async read(pack: string, { id, type, places }: Candidate, { signal }: CallOptions = {}): Promise<SealedCopy | undefined> {
    for (const { offset, length, uncompressedLength = 0 } of places) {
      try {
        assertBlobLengths(length, uncompressedLength);
        const sealed = await this.#backend.load({ kind: 'pack', name: pack }, { offset, length, signal });
        // Proved on a copy, which is deciphered in place.
        this.#decoder.decode(Buffer.from(sealed), uncompressedLength, id);
        return { id, type, sealed, plainLength: uncompressedLength };
      } catch (thrown) {
        rethrowUnlessLost(thrown);
      }
    }
    return undefined;
  }

  async #readHeader(pack: { readonly id: string; readonly sizeBytes: number }, options: CallOptions): Promise<LocatedBlob[]> {
    try {
      return await loadPackHeader(this.#backend, this.#sealer, pack, options);
    } catch (thrown) {
      rethrowUnlessLost(thrown);
      return [];
    }
  }
}

/** A bad sector is damage too: the pack is given up for it, and a copy of it is kept. What may succeed another time is none. */
function rethrowUnlessLost(thrown: unknown): void {
  const error = asHoldfastError(thrown);
  if (error.code !== 'storage-missing') damageOf(error);
}

function isSamePlace(one: LocatedBlob, other: LocatedBlob): boolean {
  return one.offset === other.offset && one.length === other.length && one.uncompressedLength === other.uncompressedLength;
}
