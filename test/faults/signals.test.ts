import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateTree } from '../support/generated-tree.ts';
import { jsonLines, messageOf, startHoldfast } from '../support/holdfast.ts';
import { requirePeer } from '../support/peers.ts';
import { processEnd } from '../support/process-end.ts';
import { SharedRepository } from '../support/shared-repository.ts';

const cancelledExitCode = 130;
const signals = ['SIGINT', 'SIGTERM'] as const;

/** What a command is doing when the signal comes: it has the lock, and then worked for so long. */
const momentsMs = [0, 60, 200];

describe('a signal', { concurrency: 2 }, () => {
  for (const signal of signals) {
    it(`${signal} ends a backup with exit code 130: no lock, no snapshot, no temporary file, and nothing wrong for restic`, async (t) => {
      const shared = await create(t);
      if (shared === undefined) return;
      for (const moment of momentsMs) {
        const child = startHoldfast(shared.path, ['backup', '--json', 'source'], { cwd: shared.folder });
        const end = await interrupt(shared, child, signal, moment);
        assertCancelled(end);
        assert.deepEqual(readdirSync(join(shared.path, 'snapshots')), []);
        assertTidy(shared);
      }
      await shared.check('--read-data');
      await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    });

    it(`${signal} ends a check and a restore with exit code 130 and no lock`, async (t) => {
      const shared = await create(t);
      if (shared === undefined) return;
      await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
      for (const args of [
        ['check', '--read-data'],
        ['restore', 'latest', '--target', join(shared.folder, 'restored')],
      ]) {
        const end = await interrupt(shared, startHoldfast(shared.path, ['--json', ...args]), signal, 0);
        assertCancelled(end);
        assertTidy(shared);
      }
      await shared.check();
    });
  }

  it('tells a person that it was heard', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const end = await interrupt(shared, startHoldfast(shared.path, ['backup', 'source'], { cwd: shared.folder }), 'SIGINT', 0);
    assert.equal(end.code, cancelledExitCode);
    assert.match(end.stderr, /^SIGINT received: cleaning up/mu);
    assert.doesNotMatch(end.stderr, /at .*\.ts:\d+/u);
    assert.doesNotMatch(end.stdout, /snapshot [0-9a-f]{8} saved/u);
  });

  it('that comes a second time ends the process at once, and the repository stays whole', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const child = startHoldfast(shared.path, ['backup', 'source'], { cwd: shared.folder });
    const ended = processEnd(child);
    await shared.lockAppears();
    signalGroup(child, 'SIGTERM');
    signalGroup(child, 'SIGTERM');
    const start = performance.now();
    const { code } = await ended;
    assert.ok([cancelledExitCode, 143].includes(code), `exit code ${code}`);
    assert.ok(performance.now() - start < 2000);
    await shared.restic(['unlock']);
    await shared.check();
  });

  it('before the password is there ends the process too', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const child = startHoldfast(shared.path, ['snapshots', '--json', '--password-command', 'sleep 60'], { env: { HOLDFAST_PASSWORD: '' } });
    const ended = processEnd(child);
    await sleep(800);
    signalGroup(child, 'SIGINT');
    const start = performance.now();
    const { code } = await ended;
    assert.ok([cancelledExitCode, 1].includes(code), `exit code ${code}`);
    assert.ok(performance.now() - start < 5000, 'it waited for the command');
  });

  it('ends a backup that waits for a lock', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const repository = await shared.open();
    const lock = await repository.lock({ isExclusive: true });
    const child = startHoldfast(shared.path, ['backup', '--json', '--retry-lock', '5m', 'source'], { cwd: shared.folder });
    const ended = processEnd(child);
    await sleep(1500);
    child.kill('SIGINT');
    assertCancelled(await ended);
    await lock.release();
    await repository.close();
    assertTidy(shared);
  });

  it('ends the command whose output is saved, and makes no snapshot', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const args = ['backup', '--json', '--stdin-from-command', '--', 'sh', '-c', 'echo begun; exec sleep 300'];
    const end = await interrupt(shared, startHoldfast(shared.path, args), 'SIGTERM', 500);
    assertCancelled(end);
    assert.deepEqual(readdirSync(join(shared.path, 'snapshots')), []);
    assertTidy(shared);
  });
});

async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return undefined;
  const shared = await SharedRepository.create(t, peer);
  // Enough that no backup, restore or check of it is over before the signal comes.
  generateTree(join(shared.folder, 'source'), { seed: 5, fileCount: 1500, maxFileBytes: 1_000_000 });
  return shared;
}

async function interrupt(
  shared: SharedRepository,
  child: ChildProcess,
  signal: NodeJS.Signals,
  afterMs: number,
): Promise<Awaited<ReturnType<typeof processEnd>>> {
  const ended = processEnd(child);
  await Promise.race([ended, shared.lockAppears()]);
  await sleep(afterMs);
  signalGroup(child, signal);
  return await ended;
}

/** As a terminal does it: the launcher gets it too. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  assert.ok(pid !== undefined);
  process.kill(-pid, signal);
}

function assertCancelled({ code, stdout, stderr }: Awaited<ReturnType<typeof processEnd>>): void {
  assert.equal(code, cancelledExitCode, stderr);
  assert.equal(messageOf(jsonLines(stderr), 'exit_error')['error_code'], 'cancelled');
  assert.equal(
    jsonLines(stdout).some((line) => line['message_type'] === 'summary'),
    false,
    'a summary was printed',
  );
}

function assertTidy(shared: SharedRepository): void {
  assert.deepEqual(shared.lockIds(), []);
  assert.deepEqual(readdirSync(join(shared.path, 'tmp')), []);
}
