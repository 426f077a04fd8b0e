/** A process that holds a lock is stopped, as a paused container or a laptop that sleeps, while others find its lock stale and work. */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ErrorRecord } from '../../src/base/errors.ts';
import { Repository } from '../../src/repository/repository.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { type ClockSpeed, FastClock } from '../support/fast-clock.ts';
import { localRepository, testPassword } from '../support/new-repository.ts';
import { requirePeer, runRestic } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const restlessOwner = fileURLToPath(new URL('../support/restless-owner.ts', import.meta.url));
const minuteMs = 60_000;

const endDeadlineMs = 20_000;

describe('the owner of an exclusive lock that is stopped', { concurrency: 2 }, () => {
  it('changes nothing when it goes on and another one has taken over meanwhile', async (t) => {
    for (let round = 0; round < 3; round++) {
      const path = await emptyRepository(t);
      const speed = { realMs: Date.now(), shownMs: Date.now(), speed: 1200 };
      const owner = new Owner(t, path, speed);
      // Stopped wherever it happens to be.
      await owner.hasWorked(5, Math.random() * 20);
      owner.child.kill('SIGSTOP');
      await sleep((35 * minuteMs) / speed.speed);
      await using other = await Repository.open(new LocalBackend({ path }), { password: testPassword, clock: new FastClock(speed) });
      assert.equal((await other.removeStaleLocks()).length, 1);
      await using lock = await other.lock({ isExclusive: true });
      const before = filesOf(path);
      owner.child.kill('SIGCONT');
      const error = await owner.ended();
      assert.equal(error.code, 'repository-locked', JSON.stringify(error));
      assertUnchanged(before, filesOf(path));
      assert.equal(lock.lost.aborted, false);
    }
  });

  it('changes nothing when it goes on after `unlock --remove-all`, however young its lock was', async (t) => {
    const path = await emptyRepository(t);
    const speed = { realMs: Date.now(), shownMs: Date.now(), speed: 60 };
    const owner = new Owner(t, path, speed);
    await owner.hasWorked(5);
    owner.child.kill('SIGSTOP');
    // Half a minute by its clock, far from old.
    await sleep(30_000 / speed.speed);
    await using other = await Repository.open(new LocalBackend({ path }), { password: testPassword, clock: new FastClock(speed) });
    assert.equal((await other.removeStaleLocks()).length, 0);
    assert.equal((await other.removeAllLocks()).length, 1);
    const before = filesOf(path);
    owner.child.kill('SIGCONT');
    assert.match((await owner.ended()).message, /removed by another/u);
    assertUnchanged(before, filesOf(path));
  });

  it('goes on when nobody took its lock away', async (t) => {
    const path = await emptyRepository(t);
    const speed = { realMs: Date.now(), shownMs: Date.now(), speed: 1200 };
    const owner = new Owner(t, path, speed);
    for (let round = 0; round < 2; round++) {
      await owner.hasWorked(5);
      owner.child.kill('SIGSTOP');
      await sleep((35 * minuteMs) / speed.speed);
      owner.child.kill('SIGCONT');
    }
    await owner.hasWorked(20);
    assert.equal(readdirSync(join(path, 'locks')).length, 1);
  });

  it('changes nothing when restic has pruned meanwhile', async (t) => {
    const restic = requirePeer(t, 'newest restic');
    if (restic === undefined) return;
    const path = await emptyRepository(t);
    // Its lock is from the beginning older than restic lets locks become.
    const owner = new Owner(t, path, { realMs: Date.now(), shownMs: Date.now() - 40 * minuteMs, speed: 60 }, 'index');
    await owner.hasWorked(5);
    owner.child.kill('SIGSTOP');
    for (const command of ['unlock', 'prune']) {
      const result = await runRestic(restic.path, path, testPassword, ['--no-cache', command]);
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual(readdirSync(join(path, 'locks')), []);
    }
    const before = filesOf(path);
    owner.child.kill('SIGCONT');
    assert.equal((await owner.ended()).code, 'repository-locked');
    assertUnchanged(before, filesOf(path));
  });
});

class Owner {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: string[] = [];
  readonly #exit: Promise<unknown>;

  constructor(t: TestContext, path: string, speed: ClockSpeed, only = '') {
    const args = [restlessOwner, path, testPassword, JSON.stringify(speed), only];
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#exit = once(this.child, 'close');
    createInterface(this.child.stdout).on('line', (line) => this.#lines.push(line));
    t.after(() => void this.child.kill('SIGKILL'));
  }

  /** Waits for so many further rounds, and so long after them. */
  async hasWorked(rounds: number, thenMs = 0): Promise<void> {
    const goal = this.#lines.length + rounds;
    for (const deadline = performance.now() + 20_000; this.#lines.length < goal; await sleep(5)) {
      assert.ok(performance.now() < deadline && this.child.exitCode === null, `it does not work: ${this.#lines.at(-1)}`);
    }
    await sleep(thenMs);
  }

  async ended(): Promise<ErrorRecord> {
    const isOver = await Promise.race([this.#exit.then(() => true), sleep(endDeadlineMs, false, { ref: false })]);
    assert.ok(isOver, `it goes on: ${this.#lines.at(-1)}`);
    return JSON.parse(this.#lines.at(-1) ?? '') as ErrorRecord;
  }
}

async function emptyRepository(t: TestContext): Promise<string> {
  const path = join(temporaryFolder(t), 'repository');
  await (await localRepository(path)).close();
  return path;
}

/** Indexes, snapshots and packs. */
function filesOf(path: string): Set<string> {
  const folders = ['index', 'snapshots', 'data'];
  return new Set(
    folders.flatMap((folder) => readdirSync(join(path, folder), { recursive: true }).map((name) => `${folder}/${String(name)}`)),
  );
}

/** But for a removal that was under way in the very instant of the stop: nothing can take that back. A pack without an index hurts nobody. */
function assertUnchanged(before: ReadonlySet<string>, after: ReadonlySet<string>): void {
  const added = [...after].filter((name) => !before.has(name) && !name.startsWith('data/'));
  const removed = [...before].filter((name) => !after.has(name));
  assert.deepEqual(added, []);
  assert.ok(removed.length <= 1, `${removed.length} were removed`);
}
