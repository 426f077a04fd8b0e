import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateTree } from '../support/generated-tree.ts';
import { jsonLines, messageOf, startHoldfast } from '../support/holdfast.ts';
import { requirePeer } from '../support/peers.ts';
import { type ProcessEnd, processEnd } from '../support/process-end.ts';
import { SharedRepository } from '../support/shared-repository.ts';

const cancelledExitCode = 130;
const signals = ['SIGINT', 'SIGTERM'] as const;

/** A hole, which takes no room, and minutes to read. */
const endlessBytes = 500 * 2 ** 30;
const backupWithoutEnd = ['backup', 'source'];
const finiteBackup = ['backup', '--exclude', 'endless', 'source'];

/** A moment, on a machine that has other work: cleaning up in order could not be told from this, but what hangs can. */
const atOnceMs = 5000;

/** What a command is doing when the signal comes: it has the lock, and then worked for so long. */
const momentsMs = [0, 60, 200];

describe('a signal', { concurrency: 2 }, () => {
  for (const signal of signals) {
    it(`${signal} ends a backup with exit code 130: no lock, no snapshot, no temporary file, and nothing wrong for restic`, async (t) => {
      const shared = await create(t);
      if (shared === undefined) return;
      for (const moment of momentsMs) {
        assertCancelled(await interrupt(shared, ['--json', ...backupWithoutEnd], signal, moment));
        assert.deepEqual(readdirSync(join(shared.path, 'snapshots')), []);
        assertTidy(shared);
      }
      await shared.check('--read-data');
      await shared.holdfast(finiteBackup, { cwd: shared.folder });
    });

    it(`${signal} ends a check and a restore with exit code 130 and no lock`, async (t) => {
      const shared = await create(t);
      if (shared === undefined) return;
      await shared.holdfast(finiteBackup, { cwd: shared.folder });
      for (const args of [
        ['check', '--read-data'],
        ['restore', 'latest', '--target', join(shared.folder, 'restored')],
      ]) {
        assertCancelled(await interrupt(shared, ['--json', ...args], signal, 0));
        assertTidy(shared);
      }
      await shared.check();
    });
  }

  it('tells a person that it was heard', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const end = await interrupt(shared, backupWithoutEnd, 'SIGINT', 0);
    assert.equal(end.code, cancelledExitCode);
    assert.match(end.stderr, /^SIGINT received: cleaning up/mu);
    assert.doesNotMatch(end.stderr, /at .*\.ts:\d+/u);
    assert.doesNotMatch(end.stdout, /snapshot [0-9a-f]{8} saved/u);
  });

  it('that comes a second time ends the process at once, and the repository stays whole', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const child = startHoldfast(shared.path, backupWithoutEnd, { cwd: shared.folder });
    const ended = processEnd(child);
    await shared.lockAppears();
    signalGroup(child, 'SIGTERM');
    signalGroup(child, 'SIGTERM');
    const start = performance.now();
    const { code } = await ended;
    assert.ok([cancelledExitCode, 143].includes(code), `exit code ${code}`);
    assert.ok(performance.now() - start < atOnceMs, 'it went on');
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
    assertCancelled(await interrupt(shared, args, 'SIGTERM', 500));
    assert.deepEqual(readdirSync(join(shared.path, 'snapshots')), []);
    assertTidy(shared);
  });
});

async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return undefined;
  const shared = await SharedRepository.create(t, peer);
  generateTree(join(shared.folder, 'source'), { seed: 5, fileCount: 1500, maxFileBytes: 1_000_000 });
  const fd = openSync(join(shared.folder, 'source/endless'), 'w');
  ftruncateSync(fd, endlessBytes);
  closeSync(fd);
  return shared;
}

/** Starts the command, waits for its lock and then so long, and sends the signal. */
async function interrupt(shared: SharedRepository, args: readonly string[], signal: NodeJS.Signals, afterMs: number): Promise<ProcessEnd> {
  for (let trial = 1; ; trial++) {
    const child = startHoldfast(shared.path, args, { cwd: shared.folder });
    const ended = processEnd(child);
    await Promise.race([ended, shared.lockAppears()]);
    await sleep(afterMs);
    signalGroup(child, signal);
    const end = await ended;
    // On a busy machine a check can be over before this process gets its turn.
    if (end.code !== 0 || trial === 5) return end;
  }
}

/** As a terminal does it: the launcher gets it too. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  assert.ok(pid !== undefined);
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended; how, the test finds out.
  }
}

function assertCancelled({ code, stdout, stderr }: ProcessEnd): void {
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
