import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { beforeEach, describe, it } from 'node:test';
import { deadProcessId, LockSetting } from '../../../test/support/lock-setting.ts';
import { removeAllLocks, removeStaleLocks } from './lock-files.ts';

let setting: LockSetting;
beforeEach(async () => {
  setting = await LockSetting.create();
});

describe('removing locks', () => {
  it('takes stale ones: older than half an hour, or of a dead process here', async () => {
    const child = spawn('sleep', ['60']);
    const fresh = await setting.plant({});
    const living = await setting.plant({ hostname: hostname(), pid: child.pid ?? 1 });
    await setting.plant({ timeNs: setting.clock.nowNs() - 31n * 60n * 1_000_000_000n });
    await setting.plant({ hostname: hostname(), pid: deadProcessId() });
    await setting.backend.save({ kind: 'lock', name: 'b'.repeat(64) }, Buffer.from('unreadable'));
    assert.equal((await removeStaleLocks(setting.place)).length, 2);
    assert.deepEqual((await setting.lockIds()).sort(), [fresh, living, 'b'.repeat(64)].sort());
    child.kill();
  });

  it('takes all when told to, unreadable and empty ones too', async () => {
    await setting.plant({});
    await setting.backend.save({ kind: 'lock', name: 'a'.repeat(64) }, new Uint8Array(0));
    await setting.backend.save({ kind: 'lock', name: 'b'.repeat(64) }, Buffer.from('unreadable'));
    assert.equal((await removeAllLocks(setting.place)).length, 3);
    assert.deepEqual(await setting.lockIds(), []);
  });
});
