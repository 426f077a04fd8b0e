/**
 * Takes finished packs into the repository and writes the index files that make them known.
 *
 * The order makes a kill at any instant harmless. A pack is made durable under its id before an index mentions it, so an
 * index never names a pack that is not there. An index is durable before a snapshot is written (`settle` comes first),
 * so a snapshot never needs a blob that cannot be found. What a kill leaves behind is at worst a pack in no index, which
 * costs room until prune, and index files of a run without a snapshot, whose blobs the next backup finds and reuses.
 */
import type { BlobId, IndexId, PackId } from '../../base/ids.ts';
import { encodeIndex, type IndexedPack } from '../../format/index-file.ts';
import type { LocatedBlob } from '../../format/pack-header.ts';
import type { Backend } from '../../storage/backend.ts';
import { blobCountOf, type FinishedPack, wordsPerBlob } from '../../workers/archive/messages.ts';
import { assignBlobs } from '../../workers/archive/pack-writer.ts';
import { type IndexTable, treeBlob } from '../../workers/index-table.ts';

/** restic closes an index at this size too: such a file is about 2 MB, quick to read and to replace. */
const maxBlobsPerIndex = 50_000;
/** How much of a long backup is lost at most to a kill: what came since the last index. */
const maxIndexAgeMs = 30_000;

export interface PackLedgerOptions {
  readonly backend: Backend;
  readonly index: IndexTable;
  readonly saveIndex: (json: Uint8Array) => Promise<IndexId>;
  /** Writes the index files in the place of `saveIndex`, where somebody else makes their text: of packs by their numbers in the index. */
  readonly writeIndex?: (packs: readonly { readonly pack: number; readonly entries: Uint32Array }[]) => Promise<IndexId>;
  readonly monotonicMs: () => number;
  readonly signal?: AbortSignal | undefined;
  /** The pack is no longer staged, or could not be taken over. */
  readonly onTakenOver?: ((pack: FinishedPack) => void) | undefined;
  /** Reads a pack back that is durable, before any index names it. When it rejects, no index ever does. */
  readonly prove?: ((pack: FinishedPack) => Promise<void>) | undefined;
}

export class PackLedger {
  readonly #options: PackLedgerOptions;
  readonly #writes: Promise<void>[] = [];
  #durable: { id: PackId; pack: number; blobs: Uint32Array }[] = [];
  #blobCount = 0;
  #oldestMs = 0;
  #packCount = 0;

  constructor(options: PackLedgerOptions) {
    this.#options = options;
  }

  get packCount(): number {
    return this.#packCount;
  }

  /** Starts taking the pack in; failures are met at `settle`, and through `onError` at once. */
  add(pack: FinishedPack, onError: (error: unknown) => void): void {
    const write = this.#takeIn(pack);
    write.catch(onError);
    this.#writes.push(write);
  }

  /** Resolves when every pack is durable and in a durable index. */
  async settle(): Promise<void> {
    await Promise.all(this.#writes);
    await this.#writeIndex();
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async quiesce(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  async #takeIn(pack: FinishedPack): Promise<void> {
    const { backend, index, signal, monotonicMs, prove } = this.#options;
    try {
      await backend.adopt({ kind: 'pack', name: pack.id }, pack.stagedPath, { signal, holdsTrees: pack.type === treeBlob });
    } finally {
      this.#options.onTakenOver?.(pack);
    }
    await prove?.(pack);
    const number = assignBlobs(index, pack);
    if (this.#durable.length === 0) this.#oldestMs = monotonicMs();
    this.#durable.push({ id: pack.id, pack: number, blobs: pack.blobs });
    this.#blobCount += blobCountOf(pack);
    this.#packCount++;
    if (this.#blobCount >= maxBlobsPerIndex || monotonicMs() - this.#oldestMs >= maxIndexAgeMs) await this.#writeIndex();
  }

  async #writeIndex(): Promise<void> {
    if (this.#durable.length === 0) return;
    const durable = this.#durable;
    this.#durable = [];
    this.#blobCount = 0;
    const { saveIndex, writeIndex } = this.#options;
    if (writeIndex === undefined) await saveIndex(encodeIndex(this.#indexedPacks(durable)));
    else await writeIndex(durable.map(({ pack, blobs }) => ({ pack, entries: blobs.filter((_, at) => at % wordsPerBlob === 0) })));
  }

  /** One after the other: as objects, 50,000 blobs take 15 MB. */
  *#indexedPacks(durable: readonly { readonly id: PackId; readonly blobs: Uint32Array }[]): Generator<IndexedPack> {
    for (const { id, blobs } of durable) yield this.#indexedPack(id, blobs);
  }

  #indexedPack(id: PackId, entries: Uint32Array): IndexedPack {
    const { index } = this.#options;
    const blobs: LocatedBlob[] = [];
    for (let at = 0; at < entries.length; at += wordsPerBlob) {
      const entry = entries[at] ?? 0;
      const uncompressedLength = index.plainLengthOf(entry);
      const blob = {
        id: index.idHex(entry) as BlobId,
        type: index.typeOf(entry) === 0 ? 'data' : 'tree',
        offset: index.offsetOf(entry),
        length: index.lengthOf(entry),
      } as const;
      blobs.push(uncompressedLength === 0 ? blob : { ...blob, uncompressedLength });
    }
    return { id, blobs };
  }
}
