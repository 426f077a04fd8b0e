/**
 * Stores blobs from the main thread, for commands that write some trees or save some data: a backup's workers store the many.
 *
 * A blob becomes part of a staged pack first. `settle` makes all packs durable and then writes the index files that name them, so that
 * a kill at any instant leaves at worst packs that nothing refers to.
 */
import type { Clock } from '../../base/clock.ts';
import { systemClock, systemRandomness } from '../../base/clock.ts';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import { type CompressionMode, Compressor } from '../../compression/compressor.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { BlobStore } from '../../workers/archive/blob-store.ts';
import { Counters } from '../../workers/archive/counters.ts';
import { PackWriter } from '../../workers/archive/pack-writer.ts';
import { type BlobType, dataBlob, type IndexTable, treeBlob } from '../../workers/index-table.ts';
import { PackLedger } from '../index/pack-ledger.ts';
import type { OpenRepository } from '../open-repository.ts';
import type { UnpackedFiles } from '../unpacked-files.ts';

export interface SavingRepository extends Pick<OpenRepository, 'backend' | 'masterKey' | 'config'> {
  readonly files: Pick<UnpackedFiles, 'save'>;
}

export interface BlobSaverOptions {
  /** What it has is not stored again. What is stored becomes part of it. */
  readonly index: IndexTable;
  readonly compression?: CompressionMode | undefined;
  readonly packSizeBytes?: number | undefined;
  /** Once it fires nothing is written any more. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

/** restic's default. */
const defaultPackSizeBytes = 16 << 20;

/** Names of staged files are unique in the staging folder of this process. */
let saverCount = 0;

export class BlobSaver implements Disposable {
  readonly #index: IndexTable;
  readonly #ledger: PackLedger;
  readonly #packs: { readonly data: PackWriter; readonly tree: PackWriter };
  readonly #store: BlobStore;
  readonly #compressor: Compressor | undefined;
  readonly #signal: AbortSignal | undefined;
  #failure: { readonly error: unknown } | undefined;

  static async open(repository: SavingRepository, options: BlobSaverOptions): Promise<BlobSaver> {
    const stagingFolder = await repository.backend.stagingFolder({ signal: options.signal });
    return new BlobSaver(repository, options, stagingFolder);
  }

  private constructor(repository: SavingRepository, options: BlobSaverOptions, stagingFolder: string) {
    const { index, signal, clock = systemClock, compression = 'auto' } = options;
    const { backend, masterKey, config, files } = repository;
    this.#index = index;
    this.#signal = signal;
    this.#ledger = new PackLedger({
      backend,
      index,
      saveIndex: (json) => files.save('index', json, { signal }),
      monotonicMs: () => clock.monotonicMs(),
      signal,
    });
    const sealer = new Sealer(masterKey, systemRandomness);
    this.#packs = {
      data: this.#packWriter(dataBlob, sealer, stagingFolder, options),
      tree: this.#packWriter(treeBlob, sealer, stagingFolder, options),
    };
    // Trees are compressed even where data is not to be, as in a backup.
    this.#compressor = config.version > 1 ? new Compressor(compression === 'off' ? 'auto' : compression) : undefined;
    this.#store = new BlobStore({
      index,
      sealer,
      counters: Counters.row(Counters.memoryFor(1), 0),
      throwIfStopped: () => this.#throwIfStopped(),
      treeCompressor: this.#compressor,
      dataCompressor: compression === 'off' ? undefined : this.#compressor,
      packs: this.#packs,
    });
  }

  get packCount(): number {
    return this.#ledger.packCount;
  }

  /** Stores a blob unless the index has it. @throws HoldfastError also for a pack that could not be stored before */
  save(type: BlobType, plain: Uint8Array): BlobId {
    return this.#store.save(type, plain);
  }

  /**
   * Stores a blob as it was sealed before, unless the index has it: nothing is compressed or encrypted again.
   * @param plainLength length before compression, 0 when it is stored uncompressed
   */
  saveSealed(type: BlobType, id: BlobId, sealed: Uint8Array, plainLength: number): void {
    this.#throwIfStopped();
    const entry = this.#index.claim(idToBytes(id), type);
    if (entry >= 0) this.#writerOf(type).add(entry, sealed, plainLength);
  }

  /** Resolves when all that was saved is durable and in a durable index: from now on others may rely on it. */
  async settle(): Promise<void> {
    this.#throwIfStopped();
    this.#packs.data.finish();
    this.#packs.tree.finish();
    await this.#ledger.settle();
    this.#throwIfStopped();
  }

  /** Resolves when nothing is under way any more: afterwards the lock may be released. */
  async quiesce(): Promise<void> {
    await this.#ledger.quiesce();
  }

  [Symbol.dispose](): void {
    this.#compressor?.close();
  }

  #writerOf(type: BlobType): PackWriter {
    return type === dataBlob ? this.#packs.data : this.#packs.tree;
  }

  #packWriter(
    type: BlobType,
    sealer: Sealer,
    stagingFolder: string,
    { index, packSizeBytes = defaultPackSizeBytes }: BlobSaverOptions,
  ): PackWriter {
    const onFailure = (error: unknown): void => {
      this.#failure ??= { error };
    };
    return new PackWriter({
      type,
      index,
      sealer,
      stagingFolder,
      name: `saved-${saverCount++}`,
      packSizeBytes,
      onFinished: (pack) => this.#ledger.add(pack, onFailure),
    });
  }

  #throwIfStopped(): void {
    throwIfCancelled(this.#signal);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
