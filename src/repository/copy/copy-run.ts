/**
 * The course of one copy, batch by batch.
 *
 * The order is that of a backup, and makes a kill at any instant harmless: packs become durable, then index files name them, and only
 * then are the snapshots written that need them. What a kill leaves behind is found by the next copy, which moves only what is missing.
 */
import { join } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { ignoreEvents } from '../../base/events.ts';
import type { IndexId, SnapshotId } from '../../base/ids.ts';
import { sha256Hex } from '../../crypto/sha256.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { describeFile, type StoredFile } from '../../storage/backend.ts';
import type { FinishedPack, UnfinishedPack } from '../../workers/archive/messages.ts';
import { hasBlob, NeedMarks, presentMark } from '../../workers/copy/need-marks.ts';
import type { CopyNotice, ProofRequest } from '../../workers/copy/messages.ts';
import { releaseBytes } from '../../workers/reused-buffer.ts';
import type { PackEntries } from '../../workers/prune/messages.ts';
import { type BlobType, dataBlob, treeBlob } from '../../workers/index-table.ts';
import { localPackFolder } from '../blobs/blob-loader.ts';
import { groupUnfinished } from '../index/merge-plan.ts';
import { PackLedger } from '../index/pack-ledger.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import { BlobMovement } from './blob-movement.ts';
import type { CopyBatch, CopyPlan } from './copy-plan.ts';
import type { CopyParts } from './copy-session.ts';
import { LostBlobs } from './lost-blobs.ts';
import { SnapshotProof } from './snapshot-proof.ts';
import { TransferOrder } from './transfer-order.ts';

/** Names of staged files are unique in the staging folder of this process. */
let indexCount = 0;

export class CopyRun {
  readonly #parts: CopyParts;
  readonly #ledger: PackLedger;
  readonly #lost: LostBlobs;
  readonly #fatal = Promise.withResolvers<never>();
  #proof: SnapshotProof | undefined;
  #copiedCount = 0;
  #failedCount = 0;
  #verifiedPackCount = 0;
  #fetching: Promise<void> = Promise.resolve();

  constructor(parts: CopyParts, monotonicMs: () => number) {
    this.#parts = parts;
    this.#lost = new LostBlobs(parts.options.events ?? ignoreEvents);
    // Awaited together with the work; alone it is no unhandled rejection.
    this.#fatal.promise.catch(() => {});
    const { destination, destinationIndex, options } = parts;
    this.#ledger = new PackLedger({
      backend: destination.backend,
      index: destinationIndex,
      saveIndex: (json) => destination.files.save('index', json, { signal: options.signal }),
      writeIndex: (packs) => this.#writeIndex(packs),
      monotonicMs,
      signal: options.signal,
      prove: options.verify === true ? (pack) => this.#provePack(pack) : undefined,
    });
  }

  get copiedCount(): number {
    return this.#copiedCount;
  }

  get failedCount(): number {
    return this.#failedCount;
  }

  get errorCount(): number {
    return this.#failedCount + this.#lost.count;
  }

  get packCount(): number {
    return this.#ledger.packCount;
  }

  get verifiedPackCount(): number {
    return this.#verifiedPackCount;
  }

  receive({ pack }: CopyNotice): void {
    this.#ledger.add(pack, this.#fatal.reject);
  }

  /** @throws HoldfastError; then nothing is under way any more that others could see */
  async run(plan: CopyPlan): Promise<void> {
    try {
      await Promise.race([this.#copyBatches(plan), this.#fatal.promise]);
    } catch (error) {
      this.#fatal.reject(error);
      await this.#parts.workers.pool.close();
      // Afterwards the lock may be released: an index that came later could name packs that somebody has removed meanwhile.
      await this.#ledger.quiesce();
      throw asHoldfastError(error);
    }
  }

  /** Says of each snapshot whether it could be copied, and writes nothing. */
  async tell(plan: CopyPlan): Promise<void> {
    for (const { snapshots } of plan.batches) for (const snapshot of snapshots) await this.#finish(snapshot, plan, async () => undefined);
  }

  async #copyBatches(plan: CopyPlan): Promise<void> {
    const { sourceIndex, marks } = this.#parts;
    const order = new TransferOrder(sourceIndex, new NeedMarks(marks), plan.blobCount, plan.batches.length);
    const movement = new BlobMovement(this.#parts, order, this.#lost);
    for (const batch of plan.batches) {
      await movement.run(batch.number);
      await this.#flush();
      await this.#saveSnapshots(batch, plan);
    }
  }

  /** Ends the packs that are not full, several workers' in one where they fit, and waits until all is durable and indexed. */
  async #flush(): Promise<void> {
    const { workers, packSizeBytes } = this.#parts;
    const answers = await workers.pool.runOnUsed({ kind: 'flush' });
    const unfinished: UnfinishedPack[] = answers.flatMap((answer) => (answer.kind === 'unfinished' ? [...answer.packs] : []));
    const groups = [...groupUnfinished(unfinished, dataBlob, packSizeBytes), ...groupUnfinished(unfinished, treeBlob, packSizeBytes)];
    await Promise.all(groups.map((parts) => workers.pool.run({ kind: 'merge', type: parts[0]?.type ?? dataBlob, parts })));
    await this.#ledger.settle();
  }

  async #saveSnapshots({ snapshots }: CopyBatch, plan: CopyPlan): Promise<void> {
    for (const snapshot of snapshots) {
      throwIfCancelled(this.#parts.options.signal);
      await this.#finish(snapshot, plan, () => this.#saveSnapshot(snapshot));
    }
  }

  /** Where nothing was lost, everything has arrived. Else the snapshot is proved first: one that is not whole is not written. */
  async #finish(source: StoredSnapshot, plan: CopyPlan, save: () => Promise<SnapshotId | undefined>): Promise<void> {
    const { options } = this.#parts;
    const isDoubtful = plan.problemCount + this.#lost.count > 0;
    const shortfall = isDoubtful ? await this.#proofOf(options.isDryRun === true).prove(source.tree) : undefined;
    if (shortfall === undefined) {
      const id = await save();
      this.#copiedCount++;
      options.onSnapshot?.({ kind: 'copied', source, id });
      return;
    }
    this.#failedCount++;
    const { path, reason } = shortfall;
    const message = `snapshot ${source.id} was not copied, because ${path} is not whole: ${reason}`;
    const hint = 'Run a check of the source repository to see all that is lost there.';
    options.events?.({
      kind: 'failure',
      operation: 'copy',
      path,
      error: { code: 'damaged', message, hint, context: { snapshot: source.id, path } },
    });
    options.onSnapshot?.({ kind: 'failed', source, reason: message });
  }

  #proofOf(isDryRun: boolean): SnapshotProof {
    const { sourceIndex, destinationIndex, loader, options, marks } = this.#parts;
    const marked = new NeedMarks(marks);
    const willArrive = (id: Uint8Array, type: BlobType): boolean => marked.get(sourceIndex.find(id, type)) >= presentMark;
    this.#proof ??= new SnapshotProof({
      source: sourceIndex,
      loader,
      hasArrived: (id, type) => hasBlob(destinationIndex, id, type) || (isDryRun && willArrive(id, type)),
      reasonOf: (id) => this.#lost.reasonOf(id),
      signal: options.signal,
    });
    return this.#proof;
  }

  async #saveSnapshot({ id, parent: _parent, ...said }: StoredSnapshot): Promise<SnapshotId> {
    const { destination, options } = this.#parts;
    // As restic: the parent is no snapshot of the destination, and the first of the chain stays known.
    const copy: Snapshot = { ...said, original: said.original ?? id };
    const saved = await destination.snapshots.save(copy, { signal: options.signal });
    if (options.verify === true) await this.#proveSmall({ kind: 'snapshot', name: saved });
    return saved;
  }

  /** By a worker: as text in this thread an index takes some 40 MB for a moment. */
  async #writeIndex(packs: readonly PackEntries[]): Promise<IndexId> {
    const { destination, destinationIndex, workers, options } = this.#parts;
    const { signal } = options;
    const stagedPath = join(await destination.backend.stagingFolder({ signal }), `copied-index-${indexCount++}`);
    const isCompressed = destination.config.version > 1;
    const request = { kind: 'write-index', index: destinationIndex.memory, packs, stagedPath, isCompressed } as const;
    const answer = await workers.pool.run(request, 'urgent');
    if (answer.kind !== 'written') throw new HoldfastError('internal', `a worker answered '${answer.kind}' to an index`);
    const file = { kind: 'index', name: answer.id } as const;
    await destination.backend.adopt(file, stagedPath, { signal });
    if (options.verify === true) await this.#proveSmall(file);
    return answer.id as IndexId;
  }

  /** That the sealed bytes open to what was meant was proved before they were saved; now they must have the digest still. */
  async #proveSmall(file: StoredFile): Promise<void> {
    const { destination, options } = this.#parts;
    const found = await destination.backend.load(file, { isFresh: true, signal: options.signal });
    if (sha256Hex(found) === file.name) return;
    throw new HoldfastError('verify-failed', `${describeFile(file)} was written, but what is read back differs`, {
      hint: 'Check the disk, the connection and the memory of the machine, then copy again.',
      context: { kind: file.kind, name: file.name },
    });
  }

  async #provePack({ id, blobs }: FinishedPack): Promise<void> {
    const { destination, workers } = this.#parts;
    const request = { kind: 'prove', id, blobs } as const;
    if (localPackFolder(destination.backend) !== undefined) await workers.pool.run(request);
    else await this.#inTurn(() => this.#proveFetched(request));
    this.#verifiedPackCount++;
  }

  async #proveFetched(request: ProofRequest): Promise<void> {
    const { destination, workers, options } = this.#parts;
    const bytes = await destination.backend.load({ kind: 'pack', name: request.id }, { isFresh: true, signal: options.signal });
    try {
      await workers.pool.run({ ...request, bytes });
    } finally {
      releaseBytes(bytes);
    }
  }

  /** One pack after the other is in memory as a whole, however many are written at once. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#fetching.then(work);
    this.#fetching = turn.catch(() => {});
    await turn;
  }
}
