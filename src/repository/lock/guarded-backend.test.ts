import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { failure } from '../../../test/support/failure.ts';
import { LockSetting, minuteMs } from '../../../test/support/lock-setting.ts';
import type { StoredFile } from '../../storage/backend.ts';
import { describeBackend } from '../../storage/conformance.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from '../../storage/wrappers/faulty-backend.ts';
import { GuardedBackend } from './guarded-backend.ts';
import type { Lock } from './lock.ts';
import { removeAllLocks } from './lock-files.ts';

describeBackend('GuardedBackend with a lock that is held, around a MemoryBackend,', async () => {
  const setting = await LockSetting.create();
  const lock = await setting.acquire({ isExclusive: true });
  const backend = new GuardedBackend(new MemoryBackend());
  backend.watch(lock);
  return { backend, reopen: async () => backend, dispose: async () => await lock.release() };
});

const index: StoredFile = { kind: 'index', name: 'a'.repeat(64) };
const snapshot: StoredFile = { kind: 'snapshot', name: 'b'.repeat(64) };
const pack: StoredFile = { kind: 'pack', name: 'c'.repeat(64) };
const bytes = Buffer.from('bytes');

describe('GuardedBackend', () => {
  let setting: LockSetting;
  let lock: Lock;
  beforeEach(async () => {
    setting = await LockSetting.create();
    lock = await setting.acquire({ isExclusive: true });
  });

  function guard(...plan: PlannedFault[]): GuardedBackend {
    const backend = new GuardedBackend(new FaultyBackend(setting.backend, plan, setting.clock));
    backend.watch(lock);
    return backend;
  }

  /** The process is stopped, and others take its lock away. */
  async function loseUnnoticed(): Promise<void> {
    setting.clock.suspend(60 * minuteMs);
    await removeAllLocks(setting.place);
  }

  it('changes nothing after a pause in which the lock was taken away', async () => {
    const backend = guard();
    await backend.save(index, bytes);
    const staged = join(await backend.stagingFolder(), 'pack');
    writeFileSync(staged, bytes);
    await loseUnnoticed();
    for (const change of [
      () => backend.save(snapshot, bytes),
      () => backend.save({ kind: 'key', name: 'd'.repeat(64) }, bytes),
      () => backend.adopt(pack, staged),
      () => backend.remove(index),
    ])
      await failure(change(), 'repository-locked');
    assert.equal(await setting.backend.exists(index), true);
    for (const file of [snapshot, pack]) assert.equal(await setting.backend.exists(file), false);
    assert.deepEqual(await backend.load(index), bytes);
    await backend.close();
    await lock.release();
  });

  it('takes back an index or a snapshot whose writing was under way when the process was stopped', async () => {
    for (const file of [index, snapshot]) {
      const backend = guard({ operation: 'save', nth: 1, fault: { kind: 'delay', ms: 1 } });
      const saving = failure(backend.save(file, bytes), 'repository-locked');
      await setting.clock.advance(0);
      await loseUnnoticed();
      await setting.clock.advance(500);
      await saving;
      assert.equal(await setting.backend.exists(file), false);
      await lock.release();
      const next = setting.acquire({ isExclusive: true });
      lock = await next;
    }
    await lock.release();
  });

  it('leaves what was written when it only cannot tell whether the lock is held', async () => {
    // The second look is the one behind the write.
    const broken = setting.placeWith({ operation: 'exists', nth: 2, fault: { kind: 'fail' } });
    await lock.release();
    lock = await setting.acquire({ at: broken });
    const backend = guard({ operation: 'save', nth: 1, fault: { kind: 'delay', ms: 1 } });
    const saving = failure(backend.save(index, bytes), 'storage-failed');
    await setting.clock.advance(0);
    setting.clock.suspend(minuteMs);
    await setting.clock.advance(100);
    await saving;
    assert.equal(await setting.backend.exists(index), true);
    await lock.release();
  });

  it('writes no index and no snapshot once the lock is gone, also where nothing paused', async () => {
    const backend = guard();
    await backend.save(index, bytes);
    await removeAllLocks(setting.place);
    await backend.save(pack, bytes);
    const other = { kind: 'index', name: 'f'.repeat(64) } as const;
    const staged = join(await backend.stagingFolder(), 'index');
    writeFileSync(staged, bytes);
    for (const write of [() => backend.save(snapshot, bytes), () => backend.save(other, bytes), () => backend.adopt(other, staged)]) {
      await failure(write(), 'repository-locked');
    }
    for (const file of [snapshot, other]) assert.equal(await setting.backend.exists(file), false);
    await backend.close();
    await lock.release();
  });

  it('asks for no lock that was released, and for none to write locks', async () => {
    const backend = guard();
    await lock.release();
    setting.clock.suspend(60 * minuteMs);
    await backend.save(index, bytes);
    await backend.save({ kind: 'lock', name: 'e'.repeat(64) }, bytes);
    await backend.remove({ kind: 'lock', name: 'e'.repeat(64) });
  });
});
