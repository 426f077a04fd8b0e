/**
 * A lock that is held: kept fresh in the background until it is released.
 *
 * Lock files never change, so refreshing means to write a new one and then to remove the old: at every moment there is one.
 */
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type { LockId } from '../../base/ids.ts';
import type { LockFile } from '../../format/lock-file.ts';
import { stopIgnoringHangup } from './hangup.ts';
import { type LockPlace, writeLock } from './lock-files.ts';
import { staleLockMs } from './lock-owner.ts';
import { settleMs, sleepUnlessCancelled } from './sleep.ts';

/** As restic: six refreshes fit into the time after which others call a lock stale. */
const refreshIntervalMs = 5 * 60_000;
const retryIntervalMs = 30_000;
/** A lock older than this is nearly stale for others; the distance allows for clocks that differ, and for a slow refresh. */
const latestRefreshMs = staleLockMs - 1.5 * refreshIntervalMs;
/** Timers stand still while a machine is suspended. Looking at the clock this often finds out soon after it woke. */
const pollIntervalMs = 1_000;

export class Lock implements AsyncDisposable {
  readonly isExclusive: boolean;
  readonly #place: LockPlace;
  readonly #events: EventSink;
  /** All files of this lock that may be there: one, or more when an old one could not be removed. */
  readonly #ids: Set<LockId>;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #keeping: Promise<void>;
  #id: LockId;
  #lock: LockFile;
  #writtenMs: number;
  #nextTryMs: number;
  #released: Promise<void> | undefined;

  /** Takes over a lock file that this process wrote and found without conflict. Use acquireLock. */
  constructor(place: LockPlace, id: LockId, lock: LockFile, events: EventSink) {
    this.isExclusive = lock.isExclusive;
    this.#place = place;
    this.#events = events;
    this.#id = id;
    this.#ids = new Set([id]);
    this.#lock = lock;
    this.#writtenMs = place.clock.monotonicMs();
    this.#nextTryMs = this.#writtenMs;
    this.#keeping = this.#keepFresh();
  }

  /** Of the lock file at this moment. */
  get id(): LockId {
    return this.#id;
  }

  /** Fires when the lock is no longer held although it was not released: work on the repository must stop. Its reason says why. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Removes the lock. Never fails: a lock that stays is reported as a warning, and is stale as soon as this process ends. */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #release(): Promise<void> {
    this.#stop.abort();
    await this.#keeping;
    for (const id of this.#ids) {
      try {
        await this.#place.files.remove('lock', id);
      } catch (error) {
        this.#warn(`the lock ${id} could not be removed: ${asHoldfastError(error).message}`);
      }
    }
    stopIgnoringHangup();
  }

  async #keepFresh(): Promise<void> {
    while (!this.#lost.signal.aborted) {
      try {
        await this.#place.clock.sleep(pollIntervalMs, this.#stop.signal);
      } catch {
        return;
      }
      if (this.#ageMs() >= refreshIntervalMs && this.#place.clock.monotonicMs() >= this.#nextTryMs) await this.#tryRefresh();
    }
  }

  /** By the clock that goes on while the machine sleeps, or by the one that nobody sets back: whichever says more. */
  #ageMs(): number {
    const { clock } = this.#place;
    return Math.max(Number((clock.nowNs() - this.#lock.timeNs) / 1_000_000n), clock.monotonicMs() - this.#writtenMs);
  }

  async #tryRefresh(): Promise<void> {
    const isLate = this.#ageMs() > latestRefreshMs;
    try {
      await this.#refresh(isLate);
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (this.#stop.signal.aborted) return;
      if (isLate || error.code === 'repository-locked') this.#lost.abort(error.code === 'repository-locked' ? error : lateRefresh(error));
      else this.#warn(`the lock could not be refreshed and is tried again: ${error.message}`);
      this.#nextTryMs = this.#place.clock.monotonicMs() + retryIntervalMs;
    }
  }

  /** A late refresh looks again after a while: others, to whom the lock looked stale, may be about to remove it. */
  async #refresh(isLate: boolean): Promise<void> {
    await this.#assertThere();
    const lock = { ...this.#lock, timeNs: this.#place.clock.nowNs() };
    const writtenMs = this.#place.clock.monotonicMs();
    const id = await writeLock(this.#place, lock);
    this.#ids.add(id);
    if (isLate) {
      await sleepUnlessCancelled(this.#place.clock, settleMs, this.#stop.signal);
      await this.#assertThere();
    }
    const replaced = this.#id;
    [this.#id, this.#lock, this.#writtenMs] = [id, lock, writtenMs];
    await this.#place.files.remove('lock', replaced);
    this.#ids.delete(replaced);
  }

  /** Whoever removed this lock may have worked on the repository since, and removed what this process relies on. */
  async #assertThere(): Promise<void> {
    if (await this.#place.backend.exists({ kind: 'lock', name: this.#id })) return;
    throw new HoldfastError('repository-locked', 'the lock of this process was removed by another one', {
      hint: 'Run the command again. Do not remove locks of processes that are at work.',
      context: { lock: this.#id },
    });
  }

  #warn(message: string): void {
    this.#events({ kind: 'warning', message });
  }
}

function lateRefresh(cause: HoldfastError): HoldfastError {
  return new HoldfastError('repository-locked', `the lock of this process could not be refreshed in time: ${cause.message}`, {
    hint: 'Run the command again when the storage can be reached.',
    cause,
  });
}
