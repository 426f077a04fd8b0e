import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { systemRandomness } from '../../src/base/clock.ts';
import type { HoldfastEvent } from '../../src/base/events.ts';
import type { LockId } from '../../src/base/ids.ts';
import { Sealer } from '../../src/crypto/sealer.ts';
import type { LockFile } from '../../src/format/lock-file.ts';
import { createRepository } from '../../src/repository/create-repository.ts';
import { type AcquireLockOptions, acquireLock } from '../../src/repository/lock/acquire-lock.ts';
import type { Lock } from '../../src/repository/lock/lock.ts';
import { type LockPlace, writeLock } from '../../src/repository/lock/lock-files.ts';
import type { OpenRepository } from '../../src/repository/open-repository.ts';
import { UnpackedFiles } from '../../src/repository/unpacked-files.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from '../../src/storage/wrappers/faulty-backend.ts';
import { ManualClock } from './manual-clock.ts';
import { quickScrypt } from './new-repository.ts';

export const minuteMs = 60_000;

/** An empty repository in memory, a clock that the test moves, and the locks there. */
export class LockSetting {
  readonly backend: MemoryBackend;
  readonly clock: ManualClock;
  readonly place: LockPlace;
  readonly events: HoldfastEvent[] = [];
  readonly #repository: OpenRepository;

  private constructor(backend: MemoryBackend, repository: OpenRepository, start: string | undefined) {
    this.clock = new ManualClock(start);
    this.backend = backend;
    this.#repository = repository;
    this.place = this.placeWith();
  }

  /** @param start the time of the clock; the ManualClock's own unless told */
  static async create(start?: string): Promise<LockSetting> {
    const backend = new MemoryBackend();
    return new LockSetting(backend, await createRepository(backend, { password: 'p', scryptCost: quickScrypt }), start);
  }

  /** The place as a process sees it whose storage has these faults. */
  placeWith(...plan: PlannedFault[]): LockPlace {
    return this.placeOn(new FaultyBackend(this.backend, plan, this.clock));
  }

  /** @param backend something around the one of this setting */
  placeOn(backend: Backend): LockPlace {
    const sealer = new Sealer(this.#repository.masterKey, systemRandomness);
    return { backend, files: new UnpackedFiles(backend, sealer, this.#repository.config.version), clock: this.clock };
  }

  /** Lets the clock run for so long (4 s unless told), in which the lock must be there or be refused. */
  async acquire(options: Partial<AcquireLockOptions> & { forMs?: number; at?: LockPlace } = {}): Promise<Lock> {
    const events = (event: HoldfastEvent) => this.events.push(event);
    const outcome = Promise.allSettled([acquireLock(options.at ?? this.place, { isExclusive: false, events, ...options })]);
    await this.clock.advance(options.forMs ?? 4_000);
    const [result] = await outcome;
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  }

  /** Writes the lock of somebody else. */
  async plant(changes: Partial<LockFile>): Promise<LockId> {
    const other = { timeNs: this.clock.nowNs(), isExclusive: false, hostname: 'elsewhere', username: 'bob', pid: 4711, uid: 1, gid: 1 };
    return await writeLock(this.place, { ...other, ...changes });
  }

  async lockIds(): Promise<string[]> {
    return (await Array.fromAsync(this.backend.list('lock'))).map(({ name }) => name);
  }

  assertWarned(text: string): void {
    const isThere = this.events.some((event) => event.kind === 'warning' && event.message.includes(text));
    assert.ok(isThere, `no warning with ${JSON.stringify(text)} in ${JSON.stringify(this.events)}`);
  }
}

/** Of a process that has ended. */
export function deadProcessId(): number {
  return Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
}
