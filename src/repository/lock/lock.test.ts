import assert from 'node:assert/strict';
import { once } from 'node:events';
import { beforeEach, describe, it } from 'node:test';
import { failure } from '../../../test/support/failure.ts';
import { LockSetting, minuteMs } from '../../../test/support/lock-setting.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { LockId } from '../../base/ids.ts';
import type { CallOptions, StoredFile } from '../../storage/backend.ts';
import { ForwardingBackend } from '../../storage/forwarding-backend.ts';
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

  it('after a pause lets nobody go on before its file was seen', async () => {
    for (const pauseMs of [20_000, 3 * minuteMs, 25 * minuteMs, 26 * 60 * minuteMs]) {
      const lock = await setting.acquire();
      await lock.assertHeld();
      setting.clock.suspend(pauseMs);
      await removeAllLocks(setting.place);
      const held = failure(lock.assertHeld(), 'repository-locked');
      await setting.clock.advance(500);
      assert.match((await held).message, /removed by another/);
      assert.equal(lock.lost.aborted, true);
      await failure(lock.assertHeld(), 'repository-locked');
      await lock.release();
    }
  });

  it('after a pause is held on when nobody touched it, whoever asks first, and however many', async () => {
    for (const pauseMs of [20_000, 25 * minuteMs, 26 * 60 * minuteMs]) {
      const lock = await setting.acquire();
      setting.clock.suspend(pauseMs);
      const all = Promise.all(Array.from({ length: 20 }, () => lock.assertHeld()));
      await setting.clock.advance(2_000);
      await all;
      assert.equal(lock.lost.aborted, false);
      assert.deepEqual(await setting.lockIds(), [lock.id]);
      await lock.release();
    }
  });

  it('is in doubt as long as it cannot be looked at after a pause, and then goes on', async () => {
    const lock = await setting.acquire({
      at: setting.placeWith({ operation: 'exists', fileKind: 'lock', nth: 1, times: 2, fault: { kind: 'fail' } }),
    });
    setting.clock.suspend(minuteMs);
    await failure(lock.assertHeld(), 'storage-failed');
    await failure(lock.assertHeld(), 'storage-failed');
    assert.equal(lock.lost.aborted, false);
    await lock.assertHeld();
    await lock.release();
  });

  it('sees the pause that falls into its own refresh', async () => {
    const place = setting.placeWith({ operation: 'save', fileKind: 'lock', nth: 2, fault: { kind: 'delay', ms: 10 } });
    const lock = await setting.acquire({ at: place });
    // The first look at the clock behind the five minutes is 0.2 s late, because it took so long to get the lock, and 4 s are over. Then its
    // refresh waits in the middle of writing the new file. Meanwhile others find the old one stale, and work.
    await setting.clock.advance(5 * minuteMs - 4_000 + 205);
    setting.clock.suspend(60 * minuteMs);
    await removeAllLocks(setting.place);
    await setting.clock.advance(2_000);
    assert.equal(lock.lost.aborted, true);
    await lock.release();
    assert.deepEqual(await setting.lockIds(), []);
  });

  it('needs no look at its file without a pause: an hour of work asks the storage for it at its twelve refreshes only', async () => {
    const place = setting.placeWith();
    const backend = new LookedAtBackend(place.backend);
    const lock = await setting.acquire({ at: { ...place, backend } });
    for (let second = 0; second < 3600; second += 2) {
      await setting.clock.advance(2_000);
      await lock.assertHeld();
    }
    // Each refresh looks twice.
    assert.ok(backend.lookCount >= 22 && backend.lookCount <= 24, String(backend.lookCount));
    await lock.release();
  });
});

class LookedAtBackend extends ForwardingBackend {
  lookCount = 0;

  override async exists(file: StoredFile, options?: CallOptions): Promise<boolean> {
    this.lookCount++;
    return await super.exists(file, options);
  }
}
