import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { messageOf, runHoldfast, snapshotOf, startHoldfast } from '../support/holdfast.ts';
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

  it('of a restic that is stopped stays in force, and its holder is named with what to do', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const checking = await startSlowCheck(t, shared);
    checking.kill('SIGSTOP');
    const refused = await runHoldfast(shared.path, ['backup', 'source'], { cwd: shared.folder });
    assert.equal(refused.code, lockedExitCode, refused.stderr);
    const { message, hint, context } = messageOf(refused.lines, 'exit_error');
    assert.match(
      String(message),
      new RegExp(`^the repository is locked exclusively by .+@${hostname()} \\(process ${checking.pid}\\) since `, 'u'),
    );
    assert.match(String(hint), /Wait until that process has finished/u);
    const { since, ...holder } = context as Record<string, unknown>;
    assert.match(String(since), /^\d{4}-\d\d-\d\dT/u);
    assert.deepEqual(
      { ...holder, lock: '', username: '' },
      { lock: '', hostname: hostname(), username: '', pid: checking.pid, exclusive: true },
    );
    const { ids, left } = messageOf((await shared.holdfast(['unlock'])).lines, 'locks_removed');
    assert.deepEqual([ids, (left as { pid?: number }[]).map(({ pid }) => pid)], [[], [checking.pid]]);
    await shared.holdfast(['snapshots', '--no-lock']);
    await killed(checking);
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
  });

  it('of a living process goes with `unlock --remove-all` only', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const saving = shared.startRestic(t, ['backup', '--stdin']);
    await shared.lockAppears();
    await sleep(500);
    const before = shared.lockIds();
    assert.deepEqual(messageOf((await shared.holdfast(['unlock'])).lines, 'locks_removed')['ids'], []);
    assert.deepEqual(messageOf((await shared.holdfast(['unlock', '--remove-all'])).lines, 'locks_removed')['ids'], before);
    assert.deepEqual(shared.lockIds(), []);
    saving.stdin.end();
    await once(saving, 'exit');
  });

  it('of Holdfast that is exclusive is waited for by every command with --retry-lock, and by restic', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    await using repository = await shared.open();
    const commands = [
      ['backup', 'source'],
      ['snapshots'],
      ['check'],
      ['ls', 'latest'],
      ['key', 'list'],
      ['stats'],
      ['find', 'x'],
      ['forget', 'latest'],
    ];
    await using lock = await repository.lock({ isExclusive: true });
    const waiting = commands.map((args) => startWaiting(t, shared, args));
    const restic = shared.tryRestic(['snapshots', '--retry-lock', '1m']);
    await Promise.all(waiting.map(({ says }) => says(/locked exclusively by .*; waiting up to 60 s/u)));
    await lock.release();
    for (const [n, { ended }] of waiting.entries()) assert.equal(await ended, 0, commands[n]?.join(' '));
    assert.equal((await restic).code, 0);
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

/** A command that waits for a lock; what it says can be waited for. */
function startWaiting(
  t: TestContext,
  shared: SharedRepository,
  args: readonly string[],
): { says: (text: RegExp) => Promise<void>; ended: Promise<number> } {
  const child = startHoldfast(shared.path, [...args, '--retry-lock', '1m'], { cwd: shared.folder });
  t.after(() => void child.kill('SIGKILL'));
  child.stdout?.resume();
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const says = async (text: RegExp): Promise<void> => {
    for (const deadline = performance.now() + 60_000; !text.test(said); await sleep(50)) {
      assert.ok(performance.now() < deadline && child.exitCode === null, `${args.join(' ')} says ${JSON.stringify(said)}`);
    }
  };
  return { says, ended: once(child, 'exit').then(([code]) => Number(code)) };
}

async function killed(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
