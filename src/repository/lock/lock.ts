/**
 * A lock that is held: kept fresh in the background until it is released.
 *
 * Lock files never change, so refreshing means to write a new one and then to remove the old: at every moment there is one.
 *
 * A process that was stopped, or whose machine slept, has not refreshed its lock, and somebody may have removed it and worked since.
 * It cannot know that in the moment in which it goes on. So `assertHeld` stands in front of every change of the repository
 * (guarded-backend.ts): after a time in which this process did not run, nothing is changed before the lock file was seen again.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type { LockId } from '../../base/ids.ts';
import type { LockFile } from '../../format/lock-file.ts';
import { stopIgnoringHangup } from './hangup.ts';
import { elapsedMs, type Instant, instantOf } from './instant.ts';
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
/** So long after the last look at the clock this process was stopped, or slept: a busy one looks late by far less. */
const pauseMs = 15_000;

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
  #written: Instant;
  /** When this process last looked at the clock. */
  #looked: Instant;
  /** Pauses noticed so far, and after how many of them the lock file was seen to be there still. */
  #pauseCount = 0;
  #clearedCount = 0;
  #attending: Promise<HoldfastError | undefined> | undefined;
  #nextTryMs: number;
  #released: Promise<void> | undefined;

  /** Takes over a lock file that this process wrote at the instant `written`, and found without conflict. Use acquireLock. */
  constructor(place: LockPlace, file: { readonly id: LockId; readonly lock: LockFile; readonly written: Instant }, events: EventSink) {
    this.isExclusive = file.lock.isExclusive;
    this.#place = place;
    this.#events = events;
    this.#id = file.id;
    this.#ids = new Set([file.id]);
    this.#lock = file.lock;
    this.#written = file.written;
    this.#looked = file.written;
    this.#nextTryMs = file.written.monotonicMs;
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

  get isReleased(): boolean {
    return this.#released !== undefined;
  }

  /**
   * To be awaited before each change of the repository: free while all is well, a look at the lock file after a pause.
   * @throws HoldfastError `repository-locked` when the lock is lost; `storage-*` when it cannot be looked at after a pause
   */
  async assertHeld(): Promise<void> {
    throwIfCancelled(this.#lost.signal);
    // Again after each look: the next pause may have been in the middle of it.
    while (this.#hasPaused() || this.#isLate()) {
      const doubt = await this.#attend();
      throwIfCancelled(this.#lost.signal);
      if (doubt !== undefined) throw doubt;
    }
  }

  /**
   * As assertHeld, and looks at the lock file in any case. When it is there it was there all the time, for names of lock files are never
   * used twice: so nobody was alone with the repository since the lock was taken.
   */
  async prove(): Promise<void> {
    await this.assertHeld();
    // A look that is under way may have begun before what is to be proved.
    await this.#attending;
    const doubt = await this.#attend();
    throwIfCancelled(this.#lost.signal);
    if (doubt !== undefined) throw doubt;
    await this.assertHeld();
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
    await this.#attending;
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
      if (this.#hasPaused() || this.#isDue()) await this.#attend();
    }
  }

  /** Looks at the clock: whether there was a pause after which the lock file was not seen again yet. */
  #hasPaused(): boolean {
    const { clock } = this.#place;
    if (elapsedMs(clock, this.#looked) > pauseMs) this.#pauseCount++;
    this.#looked = instantOf(clock);
    return this.#pauseCount > this.#clearedCount;
  }

  #isDue(): boolean {
    const { clock } = this.#place;
    return elapsedMs(clock, this.#written) >= refreshIntervalMs && clock.monotonicMs() >= this.#nextTryMs;
  }

  #isLate(): boolean {
    return elapsedMs(this.#place.clock, this.#written) > latestRefreshMs;
  }

  /** Refreshes the lock or looks whether it is there, whichever is due: once for all who ask. Gives what stood in the way. */
  #attend(): Promise<HoldfastError | undefined> {
    this.#attending ??= this.#doWhatIsDue().finally(() => {
      this.#attending = undefined;
    });
    return this.#attending;
  }

  async #doWhatIsDue(): Promise<HoldfastError | undefined> {
    const pauseCount = this.#pauseCount;
    const isLate = this.#isLate();
    const isRefresh = isLate || this.#isDue();
    try {
      if (isRefresh) await this.#refresh(isLate);
      else await this.#assertThere();
      this.#clearedCount = pauseCount;
      return undefined;
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (!this.#stop.signal.aborted) this.#takeFailure(error, isRefresh, isLate);
      return error;
    }
  }

  #takeFailure(error: HoldfastError, isRefresh: boolean, isLate: boolean): void {
    if (error.code === 'repository-locked') this.#lost.abort(error);
    else if (isLate) this.#lost.abort(lateRefresh(error));
    else if (isRefresh) {
      this.#warn(`the lock could not be refreshed and is tried again: ${error.message}`);
      this.#nextTryMs = this.#place.clock.monotonicMs() + retryIntervalMs;
    }
  }

  /**
   * The old file must still be there when the new one is: then there was one at every moment, however long a pause fell in between.
   * A late refresh looks after a while: others, to whom the lock looked stale, may be about to remove it.
   */
  async #refresh(isLate: boolean): Promise<void> {
    await this.#assertThere();
    const written = instantOf(this.#place.clock);
    const lock = { ...this.#lock, timeNs: written.nowNs };
    const id = await writeLock(this.#place, lock);
    this.#ids.add(id);
    if (isLate) await sleepUnlessCancelled(this.#place.clock, settleMs, this.#stop.signal);
    await this.#assertThere();
    const replaced = this.#id;
    [this.#id, this.#lock, this.#written] = [id, lock, written];
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
