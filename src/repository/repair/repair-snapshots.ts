/**
 * Makes snapshots whole again by leaving out what is lost: files keep the content that is there, directories that cannot be read become
 * empty. The old snapshots stay unless told otherwise.
 *
 * What the index says counts: an index that names packs which are gone has to be repaired first, or what is lost would pass for whole.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { ignoreEvents } from '../../base/events.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import type { CallOptions } from '../../storage/backend.ts';
import type { Repository } from '../repository.ts';
import { UnchangedTrees } from '../rewrite/rewrite-memo.ts';
import { RewriteSession, type RewriteSessionOptions } from '../rewrite/rewrite-session.ts';
import type { TreeRewriter } from '../rewrite/tree-rewriter.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import type { Loss } from './loss.ts';
import { type FoundLoss, keepWholeContent } from './whole-content.ts';

export interface RepairSnapshotsOptions extends Omit<RewriteSessionOptions, 'operation' | 'tag'> {
  readonly onLoss?: (loss: Loss) => void;
  /** A snapshot of which nothing can be saved: its root is lost. It goes only where the old snapshots go. */
  readonly onHopeless?: (snapshot: StoredSnapshot, isRemoved: boolean) => void;
}

export interface SnapshotRepair {
  readonly wholeCount: number;
  readonly repairedCount: number;
  readonly hopelessCount: number;
}

/** @throws HoldfastError `damaged` when the index is not to be relied on; `storage-*`, and then no snapshot was harmed */
export async function repairSnapshots(
  repository: Repository,
  snapshots: readonly StoredSnapshot[],
  options: RepairSnapshotsOptions,
): Promise<SnapshotRepair> {
  await using session = await RewriteSession.open(repository, { ...options, operation: 'repair', tag: 'repaired' });
  await assertPacksAreThere(repository, session.index, options);
  const repair = new Repair(repository, session, options);
  for (const snapshot of snapshots) await repair.repairOne(snapshot);
  await session.replacer.flush();
  return repair.counts;
}

/**
 * Tells what snapshots have lost, and changes nothing. Where packs are missing that the index names, what was in them passes for whole:
 * that is a warning.
 */
export async function listLosses(
  repository: Repository,
  snapshots: readonly StoredSnapshot[],
  options: Pick<RepairSnapshotsOptions, 'onLoss' | 'events' | 'signal'>,
): Promise<void> {
  const dryRun = { ...options, isDryRun: true, forgets: false };
  await using session = await RewriteSession.open(repository, { ...dryRun, operation: 'repair', tag: '' });
  await warnOfMissingPacks(repository, session.index, options);
  const repair = new Repair(repository, session, dryRun);
  for (const snapshot of snapshots) await repair.repairOne(snapshot);
}

async function warnOfMissingPacks(
  repository: Repository,
  index: IndexTable,
  { events = ignoreEvents, signal }: RewriteEvents,
): Promise<void> {
  try {
    await assertPacksAreThere(repository, index, { signal });
  } catch (error) {
    const { code, message } = asHoldfastError(error);
    if (code !== 'damaged') throw error;
    events({ kind: 'warning', message: `${message}; what was in them is not in the list of what is lost` });
  }
}

type RewriteEvents = Pick<RepairSnapshotsOptions, 'events' | 'signal'>;

class Repair {
  readonly counts = { wholeCount: 0, repairedCount: 0, hopelessCount: 0 };
  readonly #repository: Repository;
  readonly #session: RewriteSession;
  readonly #options: RepairSnapshotsOptions;
  readonly #rewriter: TreeRewriter;
  #onLoss: (loss: FoundLoss) => void = () => {};

  constructor(repository: Repository, session: RewriteSession, options: RepairSnapshotsOptions) {
    this.#repository = repository;
    this.#session = session;
    this.#options = options;
    const edit = keepWholeContent(session.index, (loss) => this.#onLoss(loss));
    this.#rewriter = session.rewriter(edit, new UnchangedTrees(session.index));
  }

  async repairOne(snapshot: StoredSnapshot): Promise<void> {
    throwIfCancelled(this.#options.signal);
    this.#onLoss = (loss) => this.#options.onLoss?.({ ...loss, snapshot: snapshot.id });
    const { tree } = await this.#rewriter.rewrite(snapshot.tree);
    if (tree === undefined) await this.#giveUp(snapshot);
    else if (tree === snapshot.tree) this.counts.wholeCount++;
    else {
      this.counts.repairedCount++;
      await this.#session.replacer.replace(snapshot, { tree });
    }
  }

  /** What is below the lost root may be found by `recover` before: so it takes an order to remove what says when and of what it was. */
  async #giveUp(snapshot: StoredSnapshot): Promise<void> {
    const { forgets, isDryRun, onHopeless, signal } = this.#options;
    this.counts.hopelessCount++;
    if (forgets && !isDryRun) await this.#repository.snapshots.remove(snapshot.id, { signal });
    onHopeless?.(snapshot, forgets);
  }
}

/** More than these names help nobody. */
const namedPacks = 5;

/** @throws HoldfastError `damaged` when the index names a pack that the storage does not have */
export async function assertPacksAreThere(
  repository: Pick<Repository, 'backend'>,
  index: IndexTable,
  { signal }: CallOptions,
): Promise<void> {
  const missing = new Set<string>();
  for (let pack = 0; pack < index.packCount; pack++) missing.add(index.packIdHex(pack));
  for await (const { name } of repository.backend.list('pack', { signal })) missing.delete(name);
  if (missing.size === 0) return;
  const names = [...missing].slice(0, namedPacks).join(', ');
  const more = missing.size > namedPacks ? ` and ${missing.size - namedPacks} more` : '';
  throw new HoldfastError('damaged', `the index names packs that the storage does not have: ${names}${more}`, {
    hint: 'Copy the missing packs back if there is a copy of the repository. If not, run `repair index` first, which takes them out of the index.',
    context: { missingPacks: missing.size },
  });
}
