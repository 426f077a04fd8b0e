/**
 * Copies what is needed of old packs into new ones, and writes the index files that name them.
 *
 * Nothing is removed here. A kill leaves at worst staged files, packs in no index, and copies of blobs that are still where they were:
 * the next prune finds packs of nothing but copies, keeps them in the place of the old ones, and does only the rest again.
 */
import { HoldfastError } from '../../base/errors.ts';
import { type EventSink, ignoreEvents } from '../../base/events.ts';
import type { CompressionMode } from '../../compression/compressor.ts';
import type { UnfinishedPack } from '../../workers/archive/messages.ts';
import { dataBlob, treeBlob } from '../../workers/index-table.ts';
import { groupUnfinished } from '../index/merge-plan.ts';
import { PackLedger } from '../index/pack-ledger.ts';
import { writeIndex } from '../index/rewrite-index.ts';
import type { PruneRepository } from './prune-options.ts';
import type { RepackDecision } from './decide.ts';
import type { PrunePlan } from './plan.ts';
import { inLanes, type PruneWorkers } from './prune-workers.ts';

const progressIntervalMs = 100;
/** restic makes packs of 128 MiB at most; one that is larger by far is no pack, and is not fetched into memory. */
const maxFetchedBytes = 512 << 20;

export interface RepackOptions {
  readonly repository: PruneRepository;
  readonly workers: PruneWorkers;
  readonly packSizeBytes: number;
  readonly compression: CompressionMode;
  readonly monotonicMs: () => number;
  readonly events?: EventSink | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class Repacking {
  readonly #plan: PrunePlan;
  readonly #options: RepackOptions;
  readonly #ledger: PackLedger;
  readonly #fatal = Promise.withResolvers<never>();
  readonly #isRepacked: Uint8Array;
  readonly #isRemoved: Uint8Array;
  #packsDone = 0;
  #bytesDone = 0;

  constructor(plan: PrunePlan, options: RepackOptions) {
    const { repository, monotonicMs, signal } = options;
    const { index } = plan.survey;
    this.#plan = plan;
    this.#options = options;
    // Awaited together with the work; alone it is no unhandled rejection.
    this.#fatal.promise.catch(() => {});
    const { backend, config, files } = repository;
    this.#ledger = new PackLedger({
      backend,
      index,
      saveIndex: (json) => files.save('index', json, { signal }),
      // A worker makes the text: it has 8 MB.
      writeIndex: (packs) => writeIndex(packs, { backend, workers: options.workers, index, version: config.version, signal }),
      monotonicMs,
      signal,
    });
    this.#isRepacked = new Uint8Array(index.packCount);
    this.#isRemoved = new Uint8Array(index.packCount);
    for (const { pack } of plan.decisions.repack) this.#isRepacked[pack] = 1;
    for (const pack of plan.decisions.remove) this.#isRemoved[pack] = 1;
  }

  /** @throws HoldfastError; then nothing is under way any more that others could see */
  async run(): Promise<void> {
    const { workers } = this.#options;
    workers.onPack = (pack) => this.#ledger.add(pack, this.#fatal.reject);
    const timer = setInterval(() => this.#tell(), progressIntervalMs);
    try {
      await Promise.race([this.#copyAll(), this.#fatal.promise]);
      await this.#ledger.settle();
    } catch (error) {
      await workers.pool.close();
      await this.#ledger.quiesce();
      throw error;
    } finally {
      clearInterval(timer);
      this.#tell();
    }
  }

  async #copyAll(): Promise<void> {
    const { repository, workers, packSizeBytes, compression, signal } = this.#options;
    const { usage, survey, decisions } = this.#plan;
    const packing = { stagingFolder: await repository.backend.stagingFolder({ signal }), packSizeBytes, compression };
    await workers.pool.setUp({ kind: 'begin', usage: usage.memory, survey: survey.memory, packing });
    await inLanes(workers.lanes, decisions.repack, (decision) => this.#copyPack(decision));
    await this.#flush();
  }

  async #copyPack({ pack, mustCompress, usedBytes }: RepackDecision): Promise<void> {
    const { index } = this.#plan.survey;
    const id = index.packIdHex(pack);
    const entries = this.#entriesToCopy(pack);
    // Nothing is to be copied where a pack that stays has all of it.
    if (entries.length > 0) {
      const bytes = await this.#fetch(id);
      const request = { kind: 'copy', pack: id, entries, mustCompress } as const;
      await this.#options.workers.pool.run(bytes === undefined ? request : { ...request, bytes });
    }
    this.#packsDone++;
    this.#bytesDone += usedBytes;
  }

  async #fetch(pack: string): Promise<Buffer | undefined> {
    const { repository, workers, signal } = this.#options;
    if (workers.packFolder !== undefined) return undefined;
    return await repository.backend.load({ kind: 'pack', name: pack }, { maxBytes: maxFetchedBytes, signal });
  }

  /** The blobs that are kept here, but for those of which a pack that stays as it is has another copy. */
  #entriesToCopy(pack: number): Uint32Array {
    const { survey } = this.#plan;
    return survey.groups
      .entriesOf(pack)
      .filter((entry) => survey.keeps(entry) && !(survey.isDuplicate(entry) && this.#staysElsewhere(entry)));
  }

  #staysElsewhere(entry: number): boolean {
    const { index, grouped, memory } = this.#plan.survey;
    const fit = new Uint8Array(memory.fitPacks);
    const copies = index.findAll(Buffer.from(index.idHex(entry), 'hex'), index.typeOf(entry));
    return copies.some((copy) => {
      const group = copy === entry ? undefined : grouped.groupOf.get(index.packIdHex(index.packOf(copy)));
      return group !== undefined && fit[group] === 1 && this.#isRepacked[group] === 0 && this.#isRemoved[group] === 0;
    });
  }

  /** Ends the packs that are not full, several workers' in one where they fit. */
  async #flush(): Promise<void> {
    const { pool } = this.#options.workers;
    const answers = await pool.runOnUsed({ kind: 'flush' });
    const unfinished: UnfinishedPack[] = answers.flatMap((answer) => (answer.kind === 'unfinished' ? [...answer.packs] : []));
    const { packSizeBytes } = this.#options;
    const groups = [...groupUnfinished(unfinished, dataBlob, packSizeBytes), ...groupUnfinished(unfinished, treeBlob, packSizeBytes)];
    await Promise.all(groups.map((parts) => pool.run({ kind: 'merge', type: parts[0]?.type ?? dataBlob, parts })));
  }

  #tell(): void {
    const { events = ignoreEvents } = this.#options;
    const { statistics, decisions } = this.#plan;
    const bytesTotal = statistics.bytes.repack - statistics.bytes.repackRemove;
    const counts = {
      filesDone: this.#packsDone,
      bytesDone: this.#bytesDone,
      filesTotal: decisions.repack.length,
      bytesTotal,
      errorCount: 0,
    };
    events({ kind: 'progress', operation: 'prune', ...counts });
  }
}

/** @throws HoldfastError `internal` for a defect that would lose data: the last look before anything is removed */
export function assertNothingLost(lostCount: number): void {
  if (lostCount === 0) return;
  throw new HoldfastError(
    'internal',
    `${lostCount} blobs that snapshots use would be lost, so the prune stopped before it removed anything`,
    {
      hint: 'Please report this. The repository is whole; `holdfast check` proves it.',
    },
  );
}
