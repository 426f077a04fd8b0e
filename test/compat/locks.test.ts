import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { messageOf, runHoldfast, snapshotOf } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer } from '../support/peers.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { SharedRepository } from '../support/shared-repository.ts';

const lockedExitCode = 11;
const lockHolder = fileURLToPath(new URL('../support/lock-holder.ts', import.meta.url));

describe('a lock', { concurrency: 2 }, () => {
  it('of Holdfast that is exclusive keeps restic out until it is released', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    await using repository = await shared.open();
    await using lock = await repository.lock({ isExclusive: true });
    const refused = await shared.tryRestic(['backup', 'source'], { cwd: shared.folder });
    assert.equal(refused.code, lockedExitCode, refused.stderr);
    assert.match(refused.stderr, new RegExp(`locked exclusively by PID ${process.pid} on `, 'u'));
    await lock.release();
    await shared.restic(['backup', 'source'], { cwd: shared.folder });
  });

  it('of Holdfast that is shared keeps out only those who want the repository for themselves', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    await using repository = await shared.open();
    await using _lock = await repository.lock({ isExclusive: false });
    await shared.restic(['backup', 'source'], { cwd: shared.folder });
    const refused = await shared.tryRestic(['prune']);
    assert.equal(refused.code, lockedExitCode, refused.stderr);
    assert.match(refused.stderr, new RegExp(`already locked by PID ${process.pid} on `, 'u'));
  });

  it('of restic that is exclusive keeps Holdfast out, and --retry-lock waits for its end', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const checking = await startSlowCheck(t, shared);
    const refused = await runHoldfast(shared.path, ['backup', 'source'], { cwd: shared.folder });
    assert.equal(refused.code, lockedExitCode, refused.stderr);
    const { message, error_code, context } = messageOf(refused.lines, 'exit_error');
    assert.equal(error_code, 'repository-locked');
    assert.match(String(message), /locked exclusively/u);
    assert.equal((context as { pid?: unknown }).pid, checking.pid);
    const waiting = runHoldfast(shared.path, ['backup', '--retry-lock', '1m', 'source'], { cwd: shared.folder });
    await sleep(1500);
    checking.kill('SIGINT');
    const done = await waiting;
    assert.equal(done.code, 0, done.stderr);
    snapshotOf(done);
  });

  it('of restic that is shared lets Holdfast back up, and keeps out who wants the repository for himself', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const saving = shared.startRestic(t, ['backup', '--stdin']);
    await shared.lockAppears();
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    await using repository = await shared.open();
    await assert.rejects(repository.lock({ isExclusive: true }), { code: 'repository-locked' });
    saving.stdin.end('and now it is over');
    assert.deepEqual(await once(saving, 'exit'), [0, null]);
    await (await repository.lock({ isExclusive: true })).release();
  });

  it('of a restic that was killed is in nobody’s way', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    await killed(await startSlowCheck(t, shared));
    assert.equal(shared.lockIds().length, 1);
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    await shared.holdfast(['check']);
    assert.deepEqual(shared.lockIds(), []);
  });

  it('of a Holdfast that was killed is in the way of restic until `restic unlock` sees that its process is gone', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const holder = spawn(process.execPath, [lockHolder, shared.path, testPassword], { stdio: 'inherit' });
    t.after(() => void holder.kill('SIGKILL'));
    await shared.lockAppears();
    await shared.restic(['unlock']);
    assert.equal(shared.lockIds().length, 1, 'restic took the lock of a living process away');
    await killed(holder);
    await shared.restic(['unlock']);
    assert.deepEqual(shared.lockIds(), []);
  });

  it('is gone after every command', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    for (const args of [['snapshots'], ['ls', 'latest'], ['stats'], ['check'], ['find', 'large'], ['key', 'list']]) {
      await shared.holdfast(args);
      assert.deepEqual(shared.lockIds(), [], args.join(' '));
    }
  });
});

async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return undefined;
  const shared = await SharedRepository.create(t, peer);
  mkdirSync(join(shared.folder, 'source'));
  writeFileSync(join(shared.folder, 'source/large'), pseudoRandomBytes(4 * 1024 * 1024, 1));
  return shared;
}

/** A restic that holds an exclusive lock, and would for a minute: it reads 4 MiB at 64 KiB a second. */
async function startSlowCheck(t: TestContext, shared: SharedRepository): Promise<ChildProcess> {
  await shared.restic(['backup', 'source'], { cwd: shared.folder });
  const checking = shared.startRestic(t, ['check', '--read-data', '--limit-download', '64']);
  await shared.lockAppears();
  // Between writing a lock and holding it restic looks once more whether others came in between.
  await sleep(500);
  return checking;
}

async function killed(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
