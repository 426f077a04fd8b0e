/**
 * Makes the index of a repository say again what its packs are.
 *
 * Without `readAllPacks` the index files that can be read are believed; packs that they do not name, or of which they say another size,
 * are read, and packs that are not there are forgotten. With it every pack says what is in it, and no index file is believed.
 *
 * Nothing but index files is written or removed, the new ones first (rewrite-index.ts): a kill at any instant leaves an index that is no
 * worse than the one before. A pack whose header is damaged is named and left out: nobody could read its blobs.
 */
import { availableParallelism } from 'node:os';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import { type EventSink, ignoreEvents } from '../../base/events.ts';
import { returnFreedMemory } from '../../base/freed-memory.ts';
import type { IndexId, PackId } from '../../base/ids.ts';
import { PackGroups } from '../../workers/check/pack-groups.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import type { DamagedPack, ListedPack } from '../../workers/prune/messages.ts';
import { type GroupedPacks, groupPacks } from '../check/group-packs.ts';
import { planIndexes, removeIndexes, writeIndexes } from '../index/rewrite-index.ts';
import type { PruneRepository } from '../prune/prune-options.ts';
import { PruneWorkers } from '../prune/prune-workers.ts';
import { readHeaders } from './read-headers.ts';
import { type ReadableIndexes, readIndexes } from './readable-indexes.ts';

export interface RepairIndexOptions {
  readonly readAllPacks: boolean;
  readonly events?: EventSink;
  readonly signal?: AbortSignal | undefined;
  /** From startRepairWorkers. Their own signal ends what they are doing. */
  readonly workers?: PruneWorkers | undefined;
}

export interface RepairIndexReport {
  readonly packCount: number;
  /** Packs whose header was read. */
  readonly packsRead: number;
  /** Packs that no index named. */
  readonly added: readonly PackId[];
  /** Packs of which the index said another size. */
  readonly reindexed: readonly PackId[];
  /** Packs that the index named and that are not there. */
  readonly missing: readonly PackId[];
  /** Packs that are not in the index, because their headers cannot be read. */
  readonly damaged: readonly DamagedPack[];
  readonly damagedIndexes: readonly IndexId[];
  readonly indexesWritten: readonly IndexId[];
  readonly indexesRemoved: readonly IndexId[];
}

/** Threads for a repair of the index: a lock may be waited for while they start. They are the caller's to dispose of. */
export function startRepairWorkers({ backend, masterKey: key }: PruneRepository, signal?: AbortSignal): PruneWorkers {
  // All there are: no blob is read, so that each takes less memory than the index.
  return new PruneWorkers({ backend, key, workerCount: availableParallelism(), signal });
}

/**
 * To be called with the exclusive lock held.
 * @throws HoldfastError `storage-*` when the storage does not give what it has; then the index is as it was
 */
export async function repairIndex(repository: PruneRepository, options: RepairIndexOptions): Promise<RepairIndexReport> {
  // Takes and frees many megabytes, in several threads.
  returnFreedMemory();
  if (options.workers !== undefined) return await new IndexRepair(repository, options, options.workers).run();
  await using workers = startRepairWorkers(repository, options.signal);
  return await new IndexRepair(repository, options, workers).run();
}

class IndexRepair {
  readonly #repository: PruneRepository;
  readonly #options: RepairIndexOptions;
  readonly #workers: PruneWorkers;
  readonly #events: EventSink;
  readonly #added: PackId[] = [];
  readonly #reindexed: PackId[] = [];
  readonly #missing: PackId[] = [];

  constructor(repository: PruneRepository, options: RepairIndexOptions, workers: PruneWorkers) {
    this.#repository = repository;
    this.#options = options;
    this.#workers = workers;
    this.#events = options.events ?? ignoreEvents;
  }

  async run(): Promise<RepairIndexReport> {
    const { readAllPacks, signal } = this.#options;
    const { backend, masterKey: key } = this.#repository;
    const read = await readIndexes({ backend, key, workers: this.#workers, signal, isEmpty: readAllPacks, onDamaged: this.#warn });
    const compared = await this.#comparePacks(read);
    const { index } = read;
    const headers = await readHeaders(compared.toRead, { ...this.#common, index });
    for (const { pack, message } of headers.damaged) this.#warn(`pack ${pack} is left out of the index: ${message}`);
    if (readAllPacks && headers.packs.length === 0 && headers.damaged.length > 0) throw nothingReadable(headers.damaged.length);
    const grouped = groupPacks(read, compared.ignored);
    const written = await this.#rewrite(read, grouped, compared.ignored, headers.packs);
    return {
      packCount: compared.packCount,
      packsRead: compared.toRead.length,
      added: readAllPacks ? [] : this.#added,
      reindexed: this.#reindexed,
      missing: this.#missing,
      damaged: headers.damaged,
      damagedIndexes: read.damaged,
      ...written,
    };
  }

  get #common() {
    const { signal } = this.#options;
    return { backend: this.#repository.backend, key: this.#repository.masterKey, workers: this.#workers, events: this.#events, signal };
  }

  readonly #warn = (message: string): void => {
    this.#events({ kind: 'warning', message });
  };

  /** What the index says beside what the storage has. */
  async #comparePacks(read: ReadableIndexes): Promise<{ packCount: number; toRead: ListedPack[]; ignored: Set<number> }> {
    const { index } = read;
    const grouped = groupPacks(read);
    const groups = new PackGroups(index, grouped);
    const seen = new Uint8Array(index.packCount);
    const toRead: ListedPack[] = [];
    let packCount = 0;
    for await (const { name: id, sizeBytes } of this.#repository.backend.list('pack', { signal: this.#options.signal })) {
      packCount++;
      const group = grouped.groupOf.get(id);
      // A pack that does not fit stays unseen: what the old index files say of it is dropped, and its header counts.
      const isRight = group !== undefined && groups.expectedSize(group) === sizeBytes;
      if (isRight) seen[group] = 1;
      else this.#addToRead(toRead, { id, sizeBytes }, group);
    }
    const ignored = new Set<number>();
    for (let pack = 0; pack < index.packCount; pack++) {
      const group = grouped.groupOf.get(index.packIdHex(pack));
      if (group === undefined || seen[group] !== 1) ignored.add(pack);
    }
    this.#noteMissing(grouped, index, seen, toRead);
    return { packCount, toRead, ignored };
  }

  #addToRead(toRead: ListedPack[], pack: ListedPack, group: number | undefined): void {
    toRead.push(pack);
    if (group === undefined) this.#added.push(pack.id as PackId);
    else this.#reindexed.push(pack.id as PackId);
    if (this.#options.readAllPacks) return;
    this.#warn(
      group === undefined
        ? `pack ${pack.id} is in no index: it is added`
        : `pack ${pack.id} has another size than the index says: it is read anew`,
    );
  }

  #noteMissing(grouped: GroupedPacks, index: IndexTable, seen: Uint8Array, toRead: readonly ListedPack[]): void {
    const read = new Set(toRead.map(({ id }) => id));
    for (const group of grouped.groupOf.values()) {
      const id = index.packIdHex(group) as PackId;
      if (seen[group] === 1 || read.has(id)) continue;
      this.#missing.push(id);
      this.#warn(`pack ${id} is not in the storage: the index forgets it`);
    }
  }

  async #rewrite(
    { index, files, damaged, unread }: ReadableIndexes,
    grouped: GroupedPacks,
    ignored: ReadonlySet<number>,
    added: readonly number[],
  ): Promise<Pick<RepairIndexReport, 'indexesWritten' | 'indexesRemoved'>> {
    const { backend, config } = this.#repository;
    const { signal } = this.#options;
    const groups = new PackGroups(index, grouped);
    const plan = planIndexes({ index, grouped, groups, files, isGone: (pack) => ignored.has(pack), added });
    const writing = { backend, workers: this.#workers, index, version: config.version, signal };
    const indexesWritten = await writeIndexes(plan.packs, groups, writing);
    throwIfCancelled(signal);
    const indexesRemoved = [...plan.obsolete, ...damaged, ...unread];
    await removeIndexes(backend, indexesRemoved, signal);
    return { indexesWritten, indexesRemoved };
  }
}

/** An index of nothing would be no repair. */
function nothingReadable(packCount: number): HoldfastError {
  return new HoldfastError('damaged', `none of the ${packCount} packs has a header that can be read, so the index stays as it is`, {
    hint: 'Look at the storage: all packs of a repository are seldom damaged at once.',
    context: { packCount },
  });
}
