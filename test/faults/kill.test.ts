import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chooseSeed, generateTree } from '../support/generated-tree.ts';
import { summaryOf } from '../support/holdfast.ts';
import { killLoop } from '../support/kill-loop.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer } from '../support/peers.ts';
import { SharedRepository } from '../support/shared-repository.ts';

const eagerBackup = fileURLToPath(new URL('../support/eager-backup.ts', import.meta.url));
const packBytes = 4 * 1024 * 1024;
const dayMs = 86_400_000;

describe('a backup that is killed', { concurrency: 2 }, () => {
  it('at any moment leaves a repository without errors, its snapshots whole, and the next backup succeeds', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const report = (line: string): void => t.diagnostic(line);
    const counts = await killLoop(shared, { seed: chooseSeed(report), rounds: 12, roundsPerRestore: 6, report });
    report(`reached: ${JSON.stringify(counts)}`);
    assert.ok(
      Object.keys(counts).some((outcome) => outcome !== 'finished' && outcome !== 'nothing'),
      'no kill met a backup at work',
    );
  });

  it('has not worked in vain: the next one takes over what an index had been written for', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const seed = chooseSeed((line) => t.diagnostic(line));
    generateTree(join(shared.folder, 'source'), { seed, fileCount: 600, maxFileBytes: 1_000_000 });
    const whole = await wouldAdd(shared);
    const child = spawn(process.execPath, [eagerBackup, shared.path, testPassword, 'source'], { cwd: shared.folder, stdio: 'inherit' });
    const exit = once(child, 'exit');
    const stopped = Promise.race([exit, untilIndexed(shared, 2)]);
    await stopped;
    child.kill('SIGKILL');
    await exit;
    assert.equal(readdirSync(join(shared.path, 'snapshots')).length, 0, 'it was killed too late');
    const rest = await wouldAdd(shared);
    assert.ok(rest <= whole - 2 * packBytes, `${rest} of ${whole} bytes are still to be stored`);
    assert.equal(summaryOf(await shared.holdfast(['backup', 'source'], { cwd: shared.folder }))['data_added'], rest);
    await shared.check('--read-data');
  });

  it('leaves temporary files that a later one removes', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    generateTree(join(shared.folder, 'source'), { seed: 1, fileCount: 600, maxFileBytes: 1_000_000 });
    const child = spawn(process.execPath, [eagerBackup, shared.path, testPassword, 'source'], { cwd: shared.folder, stdio: 'inherit' });
    const exit = once(child, 'exit');
    await Promise.race([exit, untilIndexed(shared, 1)]);
    child.kill('SIGKILL');
    await exit;
    const temporary = join(shared.path, 'tmp');
    const [leftover, ...others] = readdirSync(temporary);
    assert.ok(leftover !== undefined && others.length === 0);
    // Younger ones might belong to a process that this machine cannot see.
    const aged = new Date(Date.now() - dayMs - 60_000);
    utimesSync(join(temporary, leftover), aged, aged);
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    assert.deepEqual(readdirSync(temporary), []);
  });
});

async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, 'newest restic');
  return peer === undefined ? undefined : await SharedRepository.create(t, peer);
}

async function wouldAdd(shared: SharedRepository): Promise<number> {
  return summaryOf(await shared.holdfast(['backup', '--dry-run', 'source'], { cwd: shared.folder }))['data_added'] ?? 0;
}

async function untilIndexed(shared: SharedRepository, count: number): Promise<void> {
  while (readdirSync(join(shared.path, 'index')).length < count) await sleep(1);
}
