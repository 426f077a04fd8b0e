import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ArchiveSession } from '../../src/archiver/archive-session.ts';
import { backup, type BackupOutcome, type BackupRequest } from '../../src/archiver/backup.ts';
import { systemClock } from '../../src/base/clock.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import { ignoreEvents } from '../../src/base/events.ts';
import { checkRepository } from '../../src/repository/check/check-repository.ts';
import { Repository } from '../../src/repository/repository.ts';
import { restore } from '../../src/restorer/restore.ts';
import { selectEverything } from '../../src/selection/selection.ts';
import type { BackendCapabilities, FileKind } from '../../src/storage/backend.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { type Fault, FaultyBackend, type FaultyOperation, type PlannedFault } from '../../src/storage/wrappers/faulty-backend.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { localRepository, testPassword } from '../support/new-repository.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Every call that a backup makes of the storage, by the kind of file. */
const calls: readonly (readonly [FaultyOperation, FileKind | undefined])[] = [
  ['open', undefined],
  ['load', 'config'],
  ['list', 'key'],
  ['load', 'key'],
  ['list', 'lock'],
  ['save', 'lock'],
  ['load', 'lock'],
  ['remove', 'lock'],
  ['list', 'snapshot'],
  ['load', 'snapshot'],
  ['list', 'index'],
  ['load', 'index'],
  ['stagingFolder', undefined],
  ['adopt', 'pack'],
  ['save', 'index'],
  ['save', 'snapshot'],
];
const writing: ReadonlySet<FaultyOperation | undefined> = new Set<FaultyOperation>(['save', 'adopt', 'remove', 'stagingFolder']);
const highestNth = 2;
/** Far more than a run takes: whoever is still at work then hangs. */
const patienceMs = 30_000;

function faultsOf(operation: FaultyOperation): Fault[] {
  const faults: Fault[] = [{ kind: 'fail' }];
  if (writing.has(operation) && operation !== 'stagingFolder') faults.push({ kind: 'fail', when: 'after' });
  if (operation === 'load') faults.push({ kind: 'short-read', missingBytes: 1 }, { kind: 'flip-bit', bit: 333 });
  return faults;
}

describe('storage that fails', { concurrency: 2 }, () => {
  for (const [operation, fileKind] of calls) {
    it(`at a call of ${operation}${fileKind === undefined ? '' : ` for a ${fileKind}`} never gives a success that is none`, async (t) => {
      const setting = await Setting.create(t);
      let refusals = 0;
      for (const fault of faultsOf(operation)) {
        for (let nth = 1; nth <= highestNth; nth++) {
          const planned: PlannedFault = { operation, nth, fault, ...(fileKind === undefined ? {} : { fileKind }) };
          if (!(await setting.backupWith(planned))) refusals++;
        }
      }
      await setting.assertWhole();
      if (!isHarmless(operation, fileKind)) assert.ok(refusals > 0, 'no call was met');
    });
  }
});

/** A lock that cannot be given back does not undo a backup; a parent that cannot be read makes it slower, no more. */
function isHarmless(operation: FaultyOperation, fileKind: FileKind | undefined): boolean {
  return fileKind === 'lock' || (operation === 'load' && fileKind === 'snapshot');
}

/** Keeps workers from opening files themselves: every read goes through the storage, as it does when that is not this machine's. */
class DistantBackend extends FaultyBackend {
  override get capabilities(): BackendCapabilities {
    return { ...super.capabilities, localFiles: false };
  }
}

class Setting {
  readonly #folder: string;
  readonly #path: string;
  #runs = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, 'repository');
  }

  /** With an earlier snapshot, for a parent and an index to be read. */
  static async create(t: { after(work: () => void): void }): Promise<Setting> {
    const setting = new Setting(temporaryFolder(t));
    mkdirSync(join(setting.#folder, 'source'));
    for (let i = 0; i < 20; i++) writeFileSync(join(setting.#folder, 'source', `old ${i}`), pseudoRandomBytes(10_000, i));
    await (await localRepository(setting.#path)).close();
    assert.ok(await setting.backupWith());
    return setting;
  }

  /** @returns whether it claims to have succeeded; then there is a snapshot more, and otherwise none */
  async backupWith(...plan: readonly PlannedFault[]): Promise<boolean> {
    this.#runs++;
    writeFileSync(join(this.#folder, 'source', `new ${this.#runs}`), pseudoRandomBytes(300_000, 1000 + this.#runs));
    const before = this.#count('snapshots');
    const outcome = await this.#attempt(plan);
    const isDone = !(outcome instanceof Error);
    const isLostAnswer = plan.some(({ operation, fileKind, fault }) => operation === 'save' && fileKind === 'snapshot' && 'when' in fault);
    // When only the answer to the very last call got lost, the snapshot is there, and it is a good one.
    if (isDone || !isLostAnswer) assert.equal(this.#count('snapshots'), before + (isDone ? 1 : 0), describePlan(plan));
    if (!isDone) assertGoodError(outcome, plan);
    this.#removeLocks();
    // Where reading failed nothing was written, so there is nothing new to look at.
    if (isDone || writing.has(plan[0]?.operation)) await this.#check(plan);
    return isDone;
  }

  /** What the snapshots need is there to the last byte, and the last one is what the source is. */
  async assertWhole(): Promise<void> {
    await using repository = await this.#open();
    const report = await checkRepository(repository, { readData: true });
    assert.equal(report.errorCount, 0);
    assert.ok(await this.backupWith());
    const snapshot = (await repository.snapshots.list()).at(-1);
    assert.ok(snapshot !== undefined);
    repository.forgetIndex();
    const target = join(this.#folder, 'restored');
    const source = join(this.#folder, 'source');
    await restore(repository, { snapshot, subfolder: source, target });
    assert.deepEqual(compareTrees(source, target), []);
  }

  async #attempt(plan: readonly PlannedFault[]): Promise<BackupOutcome | Error> {
    try {
      return await withPatience(this.#backup(new DistantBackend(new LocalBackend({ path: this.#path }), plan)), plan);
    } catch (error) {
      assert.ok(error instanceof Error);
      return error;
    }
  }

  async #backup(backend: FaultyBackend): Promise<BackupOutcome> {
    await using session = new ArchiveSession({ workerCount: 1 });
    await using repository = await Repository.open(backend, { password: testPassword });
    return await backup(session, repository, requestFor(join(this.#folder, 'source')));
  }

  async #check(plan: readonly PlannedFault[]): Promise<void> {
    await using repository = await this.#open();
    const errors: string[] = [];
    const report = await checkRepository(repository, { readData: false, events: (event) => errors.push(JSON.stringify(event)) });
    assert.equal(report.errorCount, 0, `${describePlan(plan)}: ${errors.join('\n')}`);
  }

  async #open(): Promise<Repository> {
    return await Repository.open(new LocalBackend({ path: this.#path }), { password: testPassword });
  }

  #count(folder: string): number {
    return readdirSync(join(this.#path, folder)).length;
  }

  /** This process lives on, so nobody else would take them for abandoned. */
  #removeLocks(): void {
    for (const name of readdirSync(join(this.#path, 'locks'))) rmSync(join(this.#path, 'locks', name));
  }
}

function requestFor(source: string): BackupRequest {
  return {
    source: { kind: 'files', paths: [Buffer.from(source)], selection: selectEverything },
    parentChoice: { kind: 'found' },
    changes: { ignoreInode: false, ignoreCtime: false },
    compression: 'auto',
    packSizeBytes: 4 << 20,
    withAtime: false,
    isDryRun: false,
    skipIfUnchanged: false,
    reportItems: false,
    estimateTotals: false,
    // Each pack gets an index at once: so there are several of both.
    clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 1_000_000 },
    events: ignoreEvents,
    record: { timeNs: systemClock.nowNs(), paths: [source], hostname: 'here', tags: [], excludes: [], programVersion: 'a test' },
  };
}

async function withPatience<T>(work: Promise<T>, plan: readonly PlannedFault[]): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`it hangs: ${describePlan(plan)}`)), patienceMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The code is one of storage's or says what is damaged; a defect of ours would be `internal`. */
function assertGoodError(error: Error, plan: readonly PlannedFault[]): void {
  assert.ok(error instanceof HoldfastError, `${describePlan(plan)}: ${error.stack}`);
  assert.match(error.code, /^(storage-.*|damaged|wrong-password|repository-.*|unsupported)$/u, `${describePlan(plan)}: ${error.stack}`);
}

function describePlan(plan: readonly PlannedFault[]): string {
  return plan.map((planned) => JSON.stringify(planned)).join(' ');
}
