/**
 * Removes what no snapshot uses any more.
 *
 * What takes long, finding out what is used, happens beside backups, under a shared lock. Then the exclusive lock is taken: from that
 * moment on nobody has an unfinished backup here, for each holds a lock. What was written since the reading is read then, the plan is
 * made anew from that, shown, and executed. Between the two locks another prune may have run; `Usage.renew` notices.
 *
 * A laptop may sleep in the middle of its backup for so long that its lock is removed as stale, and this prune then removes what that
 * backup stored or relied on. When it wakes, its lock is gone, and it writes neither index nor snapshot: see lock.ts and
 * guarded-backend.ts. The same guards this prune: after a sleep it removes nothing before it has seen its own lock again.
 */
import { systemClock } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { returnFreedMemory } from '../../base/freed-memory.ts';
import type { Lock } from '../lock/lock.ts';
import type { Repository } from '../repository.ts';
import { executePlan } from './execute.ts';
import { isEmptyPlan, planPacks, type PrunePlan } from './plan.ts';
import type { PruneOptions } from './prune-options.ts';
import { PruneWorkers } from './prune-workers.ts';
import { Usage } from './usage.ts';

export interface PruneOutcome {
  /** Of what was done, or would be. */
  readonly statistics: PrunePlan['statistics'];
  readonly snapshotCount: number;
}

/**
 * @throws HoldfastError `damaged` when something that snapshots use is missing or cannot be read: then nothing was removed;
 *   `repository-locked` when others are at work; `usage` for limits that cannot be kept
 */
export async function prune(repository: Repository, options: PruneOptions): Promise<PruneOutcome> {
  assertPossible(repository, options);
  // A prune takes and frees many megabytes a second, in several threads.
  returnFreedMemory();
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const { backend, masterKey: key } = repository;
  await using workers = new PruneWorkers({ backend, key, workerCount: options.workerCount, signal });
  const run = new PruneRun(repository, { ...options, signal }, workers, stop);
  try {
    return await run.run();
  } finally {
    repository.forgetIndex();
  }
}

type RunOptions = PruneOptions & { readonly signal: AbortSignal };

class PruneRun {
  readonly #repository: Repository;
  readonly #options: RunOptions;
  readonly #workers: PruneWorkers;
  readonly #stop: AbortController;

  constructor(repository: Repository, options: RunOptions, workers: PruneWorkers, stop: AbortController) {
    this.#repository = repository;
    this.#options = options;
    this.#workers = workers;
    this.#stop = stop;
  }

  async run(): Promise<PruneOutcome> {
    const { isDryRun, withoutLock = false, onPlanned } = this.#options;
    if (!isDryRun) return await this.#execute(await this.#withLock(false, () => this.#read()));
    const plan = await (withoutLock ? this.#planNow() : this.#withLock(false, () => this.#planNow()));
    await onPlanned(plan.statistics);
    return outcomeOf(plan);
  }

  async #planNow(): Promise<PrunePlan> {
    return await this.#plan(await this.#read());
  }

  async #read(): Promise<Usage> {
    const { ignoreSnapshots = new Set(), events, signal } = this.#options;
    return await Usage.read({ repository: this.#repository, workers: this.#workers, ignoreSnapshots, events, signal });
  }

  async #execute(read: Usage): Promise<PruneOutcome> {
    return await this.#withLock(true, async (lock) => {
      const plan = await this.#plan(await read.renew());
      await this.#options.onPlanned(plan.statistics);
      for (const id of plan.missingPacks) this.#warn(`pack ${id} is not in the storage and nobody needs it: the index forgets it`);
      if (!isEmptyPlan(plan)) await this.#executePlan(plan, lock);
      return outcomeOf(plan);
    });
  }

  async #executePlan(plan: PrunePlan, lock: Lock): Promise<void> {
    const { packSizeBytes, compression, events, signal, clock = systemClock } = this.#options;
    const repository = this.#repository;
    const confirmLock = () => lock.prove();
    const monotonicMs = () => clock.monotonicMs();
    await executePlan(plan, { repository, workers: this.#workers, packSizeBytes, compression, monotonicMs, events, signal, confirmLock });
  }

  async #plan(usage: Usage): Promise<PrunePlan> {
    const { limits, signal } = this.#options;
    const { backend, config } = this.#repository;
    return await planPacks(usage, { backend, workers: this.#workers, limits, version: config.version, signal });
  }

  async #withLock<T>(isExclusive: boolean, work: (lock: Lock) => Promise<T>): Promise<T> {
    const { retryLockMs = 0, events, signal } = this.#options;
    await using lock = await this.#repository.lock({ isExclusive, retryLockMs, signal, ...(events === undefined ? {} : { events }) });
    const onLost = (): void => this.#stop.abort(lock.lost.reason);
    lock.lost.addEventListener('abort', onLost, { once: true });
    try {
      return await work(lock);
    } finally {
      lock.lost.removeEventListener('abort', onLost);
    }
  }

  #warn(message: string): void {
    this.#options.events?.({ kind: 'warning', message });
  }
}

function outcomeOf({ statistics, usage }: PrunePlan): PruneOutcome {
  return { statistics, snapshotCount: usage.snapshotCount };
}

function assertPossible({ config }: Repository, { limits, packSizeBytes, compression, isDryRun, ...options }: PruneOptions): void {
  const refuse = (message: string, hint: string): never => {
    throw new HoldfastError('usage', message, { hint });
  };
  if (limits.repackUncompressed && config.version < 2)
    refuse('format version 1 has no compression', 'Migrate the repository to version 2 first, or leave out --repack-uncompressed.');
  if (limits.repackUncompressed && compression === 'off')
    refuse('--repack-uncompressed and --compression off exclude each other', 'Leave one out.');
  if ((limits.smallPackBytes ?? 0) > packSizeBytes)
    refuse('packs would be repacked that are as large as new ones', 'Give a size below that of --pack-size.');
  if ((options.withoutLock === true || (options.ignoreSnapshots?.size ?? 0) > 0) && !isDryRun)
    throw new HoldfastError('internal', 'only a dry run may go without a lock, or pass over snapshots');
}
