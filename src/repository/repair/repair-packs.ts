/**
 * Saves what is whole in damaged packs, and removes them.
 *
 * The order makes a kill at any instant harmless: copies of the packs are durable outside the repository; then the blobs that are whole
 * are durable in new packs, and index files name these; then the index names the damaged packs no more; only then they are removed.
 * A run that was killed is taken up by the same command: what is whole in another pack already is not saved again.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { type EventSink, ignoreEvents } from '../../base/events.ts';
import { type BlobId, idToBytes, type IndexId, type PackId } from '../../base/ids.ts';
import { Sealer } from '../../crypto/sealer.ts';
import type { LocatedBlob } from '../../format/pack-header.ts';
import type { CallOptions } from '../../storage/backend.ts';
import { dataBlob, IndexTable, treeBlob } from '../../workers/index-table.ts';
import { BlobSaver } from '../blobs/blob-saver.ts';
import { dropPacksFromIndex } from '../index/drop-packs.ts';
import { loadIndex } from '../index/load-index.ts';
import type { Repository } from '../repository.ts';
import { copyPack, type PackCopy, type PackToCopy } from './pack-copy.ts';
import { type Candidate, PackSalvage, type SealedCopy } from './salvage-pack.ts';

export interface RepairPacksOptions extends CallOptions {
  /** Where copies of the damaged packs are kept. */
  readonly copyFolder: string;
  /** Finds out what could be saved, and changes nothing. */
  readonly isDryRun?: boolean;
  readonly packSizeBytes?: number | undefined;
  readonly events?: EventSink;
}

export interface SalvagedPack {
  readonly id: PackId;
  /** Whether the storage has it. */
  readonly isStored: boolean;
  /** Absent where there is nothing to copy, and on a dry run. */
  readonly copy?: PackCopy;
  /** Blobs that should be in it, by the index and its own header. */
  readonly blobCount: number;
  /** Saved into new packs, or that could be. */
  readonly savedCount: number;
  /** Whole in another pack already. */
  readonly elsewhereCount: number;
  readonly lost: readonly LostBlob[];
}

export interface LostBlob {
  readonly id: BlobId;
  readonly type: 'data' | 'tree';
}

export interface PackRepair {
  readonly packs: readonly SalvagedPack[];
  /** Packs that were made for what was saved. */
  readonly newPackCount: number;
}

/** @throws HoldfastError `not-found` for a pack that neither index nor storage has; `damaged` naming an index file; `storage-*` */
export async function repairPacks(repository: Repository, ids: readonly PackId[], options: RepairPacksOptions): Promise<PackRepair> {
  const { signal } = options;
  const indexed = await IndexedPacks.load(repository, new Set(ids), { signal });
  const packs = await findPacks(repository, ids, indexed, { signal });
  const saved = IndexTable.create(packs.reduce((sum, { places }) => sum + places.length, 0));
  using saver = await BlobSaver.open(repository, { index: saved, packSizeBytes: options.packSizeBytes, signal });
  try {
    const save = (blob: SealedCopy): void => {
      if (options.isDryRun === true) saved.claim(idToBytes(blob.id), blob.type);
      else saver.saveSealed(blob.type, blob.id, blob.sealed, blob.plainLength);
    };
    const found = await new PackRepairRun(repository, indexed, save, options).run(packs);
    // What one of the packs has lost may have been whole in another of them.
    const isLost = ({ id, type }: LostBlob): boolean => saved.find(idToBytes(id), type === 'tree' ? treeBlob : dataBlob) < 0;
    const salvaged = found.map((pack) => ({ ...pack, lost: pack.lost.filter(isLost) }));
    if (options.isDryRun === true) return { packs: salvaged, newPackCount: 0 };
    await saver.settle();
    await dropPacksFromIndex(repository.files, indexed.files, new Set(ids), { signal });
    for (const id of ids) {
      throwIfCancelled(signal);
      await repository.backend.remove({ kind: 'pack', name: id }, { signal });
    }
    return { packs: salvaged, newPackCount: saver.packCount };
  } finally {
    await saver.quiesce();
    repository.forgetIndex();
  }
}

/** What the index says of the damaged packs, and of other places of their blobs. */
class IndexedPacks {
  readonly index: IndexTable;
  /** Index files that name one of the packs. */
  readonly files: readonly IndexId[];
  readonly #numbers: ReadonlySet<number>;

  static async load({ backend, masterKey }: Repository, wanted: ReadonlySet<string>, { signal }: CallOptions): Promise<IndexedPacks> {
    const loaded: [IndexId, Uint32Array][] = [];
    const index = await loadIndex(backend, masterKey, { signal, onLoaded: (id, packs) => void loaded.push([id, packs]) });
    const isWanted = (pack: number): boolean => wanted.has(index.packIdHex(pack));
    const files = loaded.filter(([, packs]) => packs.some(isWanted)).map(([id]) => id);
    return new IndexedPacks(index, files, new Set(loaded.flatMap(([, packs]) => Array.from(packs.filter(isWanted)))));
  }

  private constructor(index: IndexTable, files: readonly IndexId[], numbers: ReadonlySet<number>) {
    this.index = index;
    this.files = files;
    this.#numbers = numbers;
  }

  /** The blobs of each of the packs. One pass over the index. */
  places(): Map<string, LocatedBlob[]> {
    const places = new Map<string, LocatedBlob[]>();
    for (const pack of this.#numbers) places.set(this.index.packIdHex(pack), []);
    for (let entry = 0; entry < this.index.entryCount; entry++) {
      const pack = this.index.packOf(entry);
      if (this.#numbers.has(pack)) places.get(this.index.packIdHex(pack))?.push(this.#located(entry));
    }
    return places;
  }

  /** Where else the blob is, in packs that stay. */
  *elsewhere({ id, type }: Candidate): Generator<{ pack: string; place: LocatedBlob }> {
    for (const entry of this.index.findAll(idToBytes(id), type)) {
      const pack = this.index.packOf(entry);
      if (!this.#numbers.has(pack)) yield { pack: this.index.packIdHex(pack), place: this.#located(entry) };
    }
  }

  #located(entry: number): LocatedBlob {
    const { index } = this;
    const uncompressedLength = index.plainLengthOf(entry);
    const type = index.typeOf(entry) === treeBlob ? 'tree' : 'data';
    const blob = { id: index.idHex(entry) as BlobId, type, offset: index.offsetOf(entry), length: index.lengthOf(entry) } as const;
    return uncompressedLength === 0 ? blob : { ...blob, uncompressedLength };
  }
}

interface DamagedPack {
  readonly id: PackId;
  /** Undefined where the storage has no such pack. */
  readonly sizeBytes: number | undefined;
  readonly places: readonly LocatedBlob[];
}

async function findPacks(
  repository: Repository,
  ids: readonly PackId[],
  indexed: IndexedPacks,
  options: CallOptions,
): Promise<DamagedPack[]> {
  const places = indexed.places();
  const packs: DamagedPack[] = [];
  for (const id of ids) packs.push({ id, sizeBytes: await sizeOf(repository, id, options), places: places.get(id) ?? [] });
  const unknown = packs.find((pack) => pack.sizeBytes === undefined && !places.has(pack.id));
  if (unknown === undefined) return packs;
  throw new HoldfastError('not-found', `there is no pack ${unknown.id}: neither the index nor the storage knows it`, {
    hint: 'A check names the packs that are damaged.',
    context: { pack: unknown.id },
  });
}

async function sizeOf({ backend }: Repository, id: PackId, options: CallOptions): Promise<number | undefined> {
  try {
    return (await backend.stat({ kind: 'pack', name: id }, options)).sizeBytes;
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code === 'storage-missing') return undefined;
    throw error;
  }
}

class PackRepairRun {
  readonly #repository: Repository;
  readonly #indexed: IndexedPacks;
  readonly #save: (blob: SealedCopy) => void;
  readonly #salvage: PackSalvage;
  readonly #options: RepairPacksOptions;
  #bytesDone = 0;

  constructor(repository: Repository, indexed: IndexedPacks, save: (blob: SealedCopy) => void, options: RepairPacksOptions) {
    this.#repository = repository;
    this.#indexed = indexed;
    this.#save = save;
    this.#salvage = new PackSalvage(repository.backend, new Sealer(repository.masterKey, systemRandomness));
    this.#options = options;
  }

  async run(packs: readonly DamagedPack[]): Promise<SalvagedPack[]> {
    const bytesTotal = packs.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    const salvaged: SalvagedPack[] = [];
    for (const pack of packs) {
      salvaged.push(await this.#savePack(pack));
      this.#bytesDone += pack.sizeBytes ?? 0;
      const progress = { filesDone: salvaged.length, filesTotal: packs.length, bytesDone: this.#bytesDone, bytesTotal, errorCount: 0 };
      (this.#options.events ?? ignoreEvents)({ kind: 'progress', operation: 'salvage', ...progress });
    }
    return salvaged;
  }

  async #savePack({ id, sizeBytes, places }: DamagedPack): Promise<SalvagedPack> {
    const { signal } = this.#options;
    const stored = sizeBytes === undefined ? undefined : { id, sizeBytes };
    const copy = stored === undefined ? {} : await this.#copy(stored);
    const candidates = await this.#salvage.candidates({ id, sizeBytes: sizeBytes ?? 0 }, places, { signal });
    const counts = { savedCount: 0, elsewhereCount: 0 };
    const lost: LostBlob[] = [];
    for (const candidate of candidates) {
      throwIfCancelled(signal);
      if (await this.#isWholeElsewhere(candidate)) counts.elsewhereCount++;
      else if (stored !== undefined && (await this.#saveBlob(id, candidate))) counts.savedCount++;
      else lost.push({ id: candidate.id, type: candidate.type === treeBlob ? 'tree' : 'data' });
    }
    return { id, isStored: stored !== undefined, ...copy, blobCount: candidates.length, ...counts, lost };
  }

  async #copy(pack: PackToCopy): Promise<Pick<SalvagedPack, 'copy'>> {
    const { copyFolder, isDryRun = false, signal } = this.#options;
    return isDryRun ? {} : { copy: await copyPack(this.#repository.backend, pack, copyFolder, { signal }) };
  }

  async #saveBlob(pack: PackId, candidate: Candidate): Promise<boolean> {
    const found = await this.#salvage.read(pack, candidate, this.#options);
    if (found === undefined) return false;
    this.#save(found);
    return true;
  }

  /** Proved by reading it: another copy that is as damaged as this one saves nothing. */
  async #isWholeElsewhere(candidate: Candidate): Promise<boolean> {
    for (const { pack, place } of this.#indexed.elsewhere(candidate)) {
      if ((await this.#salvage.read(pack, { ...candidate, places: [place] }, this.#options)) !== undefined) return true;
    }
    return false;
  }
}
