import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { beforeEach, describe, it } from 'node:test';
import { failure } from '../../../test/support/failure.ts';
import { deadProcessId, LockSetting, minuteMs } from '../../../test/support/lock-setting.ts';
import { HoldfastError } from '../../base/errors.ts';
import { acquireLock } from './acquire-lock.ts';
import { readLocks } from './lock-files.ts';

const exclusive = { isExclusive: true };

let setting: LockSetting;
beforeEach(async () => {
  setting = await LockSetting.create();
});

describe('acquireLock', () => {
  it('writes a lock file that tells who holds it, and takes it away on release', async () => {
    const lock = await setting.acquire(exclusive);
    const [found, ...more] = await readLocks(setting.place, new Set(), undefined);
    assert.equal(more.length, 0);
    assert.equal(found?.id, lock.id);
    assert.deepEqual([found?.lock?.hostname, found?.lock?.pid, found?.lock?.isExclusive], [hostname(), process.pid, true]);
    await lock.release();
    await lock.release();
    assert.deepEqual(await setting.lockIds(), []);
    assert.equal(setting.clock.sleeperCount, 0);
  });

  it('is over after 0.2 s when nobody is in the way', async () => {
    const lock = await setting.acquire({ forMs: 200 });
    await lock.release();
  });

  it('several share a repository', async () => {
    const locks = [await setting.acquire(), await setting.acquire(), await setting.acquire()];
    assert.equal((await setting.lockIds()).length, 3);
    for (const lock of locks) await lock.release();
  });

  it('an exclusive lock excludes every other one, and every other one excludes it', async () => {
    for (const [held, wanted] of [
      [true, true],
      [true, false],
      [false, true],
    ] as const) {
      const lock = await setting.acquire({ isExclusive: held });
      const error = await failure(setting.acquire({ isExclusive: wanted }), 'repository-locked');
      assert.equal(error.exitCode, 11);
      await lock.release();
      await (await setting.acquire({ isExclusive: wanted })).release();
    }
  });

  it('names the holder, since when, and what to do', async () => {
    await setting.plant({ isExclusive: true });
    const error = await failure(setting.acquire(), 'repository-locked');
    assert.equal(error.message, 'the repository is locked exclusively by bob@elsewhere (process 4711) since 2026-01-02T03:04:05.000Z');
    assert.match(error.hint ?? '', /Wait/);
    assert.equal(error.context['pid'], 4711);
  });

  it("another host's old lock stays in force, as in restic, and the hint says how to get rid of it", async () => {
    await setting.plant({ isExclusive: true, timeNs: setting.clock.nowNs() - 31n * 60n * 1_000_000_000n });
    const error = await failure(setting.acquire(), 'repository-locked');
    assert.match(error.hint ?? '', /unlock/);
  });

  it('a lock of a dead process of this host is removed', async () => {
    await setting.plant({ isExclusive: true, hostname: hostname(), pid: deadProcessId() });
    const lock = await setting.acquire(exclusive);
    assert.deepEqual(await setting.lockIds(), [lock.id]);
    await lock.release();
  });

  it('a lock of a dead process that may not be removed stays in force', async () => {
    await setting.plant({ isExclusive: true, hostname: hostname(), pid: deadProcessId() });
    const at = setting.placeWith({ operation: 'remove', nth: 1, fault: { kind: 'fail' } });
    await failure(setting.acquire({ at }), 'repository-locked');
  });

  it('a lock of a living process of this host stays in force, however old', async () => {
    const later = await LockSetting.create('2126-01-01T00:00:00Z');
    // Of a moment when this process was there already.
    await later.plant({ isExclusive: true, hostname: hostname(), pid: process.pid, timeNs: BigInt(Date.now()) * 1_000_000n });
    await failure(later.acquire(), 'repository-locked');
  });

  it('an old lock of this host is removed when a younger process has the number of its owner, as after a restart of the machine', async () => {
    const later = await LockSetting.create('2126-01-01T00:00:00Z');
    const beforeThisProcess = BigInt(Date.now() - 3_600_000 - Math.ceil(process.uptime() * 1000)) * 1_000_000n;
    await later.plant({ isExclusive: true, hostname: hostname(), pid: process.pid, timeNs: beforeThisProcess });
    const lock = await later.acquire(exclusive);
    assert.deepEqual(await later.lockIds(), [lock.id]);
    await lock.release();
  });

  it('a fresh lock of this host stays in force when its owner seems to have begun after it: clocks are set', async () => {
    const now = await LockSetting.create(new Date(Date.now() - 3_600_000).toISOString());
    await now.plant({ isExclusive: true, hostname: hostname(), pid: process.pid });
    await failure(now.acquire(), 'repository-locked');
  });

  it('an empty lock file is no lock', async () => {
    await setting.backend.save({ kind: 'lock', name: 'a'.repeat(64) }, new Uint8Array(0));
    await (await setting.acquire(exclusive)).release();
  });

  it('waits for a lock that cannot be read yet', async () => {
    await setting.plant({});
    const at = setting.placeWith({
      operation: 'load',
      fileKind: 'lock',
      nth: 1,
      times: 4,
      fault: { kind: 'short-read', missingBytes: 40 },
    });
    await (await setting.acquire({ at })).release();
  });

  it('a lock that stays unreadable is damage, named, after a few seconds', async () => {
    const id = await setting.plant({});
    const bytes = await setting.backend.load({ kind: 'lock', name: id });
    for (const broken of [bytes.subarray(0, 50), Buffer.from('{}'), Buffer.alloc(2 << 20), Buffer.from(bytes.map((byte) => byte ^ 1))]) {
      await setting.backend.save({ kind: 'lock', name: id }, broken);
      const error = await failure(setting.acquire({ forMs: 4_000 }), 'damaged');
      assert.ok(error.message.startsWith(`lock ${id}`), error.message);
      assert.match(error.hint ?? '', /unlock --remove-all/);
    }
  });

  it('a lock that is removed while it is read is no lock', async () => {
    await setting.plant({ isExclusive: true });
    const gone = new HoldfastError('storage-missing', 'gone');
    const at = setting.placeWith({ operation: 'load', fileKind: 'lock', nth: 1, times: 9, fault: { kind: 'fail', error: gone } });
    await (await setting.acquire({ at })).release();
  });

  it('sees a lock that was written during its wait, and takes its own away', async () => {
    const work = acquireLock(setting.place, exclusive);
    work.catch(() => {});
    await setting.clock.advance(100);
    const other = await setting.plant({});
    await setting.clock.advance(200);
    await failure(work, 'repository-locked');
    assert.deepEqual(await setting.lockIds(), [other]);
  });

  it('of two that begin in the same moment at most one gets an exclusive lock', async () => {
    const both = [acquireLock(setting.place, exclusive), acquireLock(setting.placeWith(), exclusive)];
    const settled = Promise.allSettled(both);
    await setting.clock.advance(1_000);
    const held = (await settled).flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    assert.ok(held.length <= 1);
    for (const lock of held) await lock.release();
    assert.deepEqual(await setting.lockIds(), []);
  });

  it('waits for the holder when told to, with longer and longer pauses, and says so once', async () => {
    const id = await setting.plant({ isExclusive: true });
    const work = acquireLock(setting.place, {
      isExclusive: false,
      retryLockMs: 10 * minuteMs,
      events: (event) => setting.events.push(event),
    });
    await setting.clock.advance(4 * minuteMs);
    await setting.backend.remove({ kind: 'lock', name: id });
    await setting.clock.advance(minuteMs + 1_000);
    await (await work).release();
    assert.equal(setting.events.length, 1);
    assert.ok(setting.events[0]?.kind === 'warning' && /waiting up to 600 s/.test(setting.events[0].message));
  });

  it('gives up when the time to wait is over', async () => {
    await setting.plant({ isExclusive: true });
    const work = acquireLock(setting.place, { isExclusive: false, retryLockMs: 12_000 });
    let isOver = false;
    const ended = failure(work, 'repository-locked').then(() => {
      isOver = true;
    });
    await setting.clock.advance(11_900);
    assert.equal(isOver, false);
    await setting.clock.advance(200);
    await ended;
  });

  it('leaves no lock behind when it is cancelled', async () => {
    for (const afterMs of [0, 100]) {
      const cancel = new AbortController();
      const work = acquireLock(setting.place, { isExclusive: false, signal: cancel.signal });
      const ended = failure(work, 'cancelled');
      await setting.clock.advance(afterMs);
      cancel.abort();
      await ended;
      assert.deepEqual(await setting.lockIds(), []);
    }
  });

  it('passes on what the storage says when no lock can be written', async () => {
    const error = new HoldfastError('storage-full', 'no room');
    await failure(
      setting.acquire({ at: setting.placeWith({ operation: 'save', nth: 1, fault: { kind: 'fail', error } }) }),
      'storage-full',
    );
    assert.equal(process.listenerCount('SIGHUP'), 0);
  });
});
