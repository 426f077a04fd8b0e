import assert from 'node:assert/strict';
import { once } from 'node:events';
import { beforeEach, describe, it } from 'node:test';
import { LockSetting, minuteMs } from '../../../test/support/lock-setting.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { LockId } from '../../base/ids.ts';
import { removeAllLocks } from './lock-files.ts';

let setting: LockSetting;
beforeEach(async () => {
  setting = await LockSetting.create();
});

describe('Lock', () => {
  it('is written anew every five minutes, and the old file goes', async () => {
    const lock = await setting.acquire();
    const seen = new Set<LockId>([lock.id]);
    for (let n = 0; n < 6; n++) {
      await setting.clock.advance(5 * minuteMs + 1_000);
      seen.add(lock.id);
      assert.deepEqual(await setting.lockIds(), [lock.id]);
    }
    assert.equal(seen.size, 7);
    assert.equal(lock.lost.aborted, false);
    await lock.release();
  });

  it('is refreshed again soon when the storage failed once', async () => {
    const lock = await setting.acquire({
      at: setting.placeWith({ operation: 'save', fileKind: 'lock', nth: 2, times: 3, fault: { kind: 'fail' } }),
    });
    const first = lock.id;
    await setting.clock.advance(5 * minuteMs + 10_000);
    assert.equal(lock.id, first);
    setting.assertWarned('could not be refreshed');
    await setting.clock.advance(2 * minuteMs);
    assert.notEqual(lock.id, first);
    assert.equal(lock.lost.aborted, false);
    await lock.release();
  });

  it('is lost before others may call it stale when it cannot be refreshed', async () => {
    const lock = await setting.acquire({
      at: setting.placeWith({ operation: 'save', fileKind: 'lock', nth: 2, times: Number.POSITIVE_INFINITY, fault: { kind: 'fail' } }),
    });
    await setting.clock.advance(22 * minuteMs);
    assert.equal(lock.lost.aborted, false);
    await setting.clock.advance(2 * minuteMs);
    assert.equal(lock.lost.aborted, true);
    assert.ok(lock.lost.reason instanceof HoldfastError && lock.lost.reason.code === 'repository-locked');
    await lock.release();
    assert.deepEqual(await setting.lockIds(), []);
  });

  it('is lost when somebody removed it', async () => {
    const lock = await setting.acquire();
    await removeAllLocks(setting.place);
    await setting.clock.advance(5 * minuteMs + 1_000);
    assert.equal(lock.lost.aborted, true);
    assert.match(String(lock.lost.reason), /removed by another/);
    assert.deepEqual(await setting.lockIds(), []);
    await lock.release();
  });

  it('survives a sleep of the machine when nobody took it meanwhile', async () => {
    const lock = await setting.acquire();
    const before = lock.id;
    setting.clock.suspend(120 * minuteMs);
    await setting.clock.advance(2_000);
    assert.notEqual(lock.id, before);
    assert.equal(lock.lost.aborted, false);
    assert.deepEqual(await setting.lockIds(), [lock.id]);
    await lock.release();
  });

  it('is lost when somebody takes it away while it wakes up late', async () => {
    const lock = await setting.acquire({ forMs: 200 });
    setting.clock.suspend(120 * minuteMs);
    await setting.clock.advance(1_100);
    await setting.backend.remove({ kind: 'lock', name: lock.id });
    await setting.clock.advance(1_000);
    assert.equal(lock.lost.aborted, true);
    await lock.release();
    assert.deepEqual(await setting.lockIds(), []);
  });

  it('takes all its files away, also one that could not be removed before', async () => {
    const lock = await setting.acquire({
      at: setting.placeWith({ operation: 'remove', fileKind: 'lock', nth: 1, fault: { kind: 'fail' } }),
    });
    await setting.clock.advance(5 * minuteMs + 1_000);
    assert.equal((await setting.lockIds()).length, 2);
    assert.equal(lock.lost.aborted, false);
    await lock.release();
    assert.deepEqual(await setting.lockIds(), []);
  });

  it('a lock file that cannot be removed is a warning and no failure', async () => {
    const lock = await setting.acquire({ at: setting.placeWith({ operation: 'remove', nth: 1, fault: { kind: 'fail' } }) });
    await lock.release();
    setting.assertWarned(lock.id);
  });

  it('keeps the process alive through the SIGHUP by which restic asks for it', async () => {
    const lock = await setting.acquire();
    const hangup = once(process, 'SIGHUP');
    process.kill(process.pid, 'SIGHUP');
    await hangup;
    await lock.release();
    assert.equal(process.listenerCount('SIGHUP'), 0);
  });
});
