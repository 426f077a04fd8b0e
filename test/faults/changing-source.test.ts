import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type HoldfastRun, jsonLines, messageOf, runHoldfast, snapshotOf, summaryOf } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requireOrdinaryUser } from '../support/ordinary-user.ts';
import { requirePeer, run } from '../support/peers.ts';
import { sha256 } from '../support/planted-repository.ts';
import { requireTreePeer, SharedRepository } from '../support/shared-repository.ts';

const partialExitCode = 3;
const restlessSource = fileURLToPath(new URL('../support/restless-source.ts', import.meta.url));
const restlessLinks = fileURLToPath(new URL('../support/restless-links.ts', import.meta.url));

describe('a source that changes while it is read', { concurrency: 2 }, () => {
  it('gives snapshots without errors of their own, and what was lost is named', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    mkdirSync(source);
    const stop = await startRestless(t, restlessSource, [source]);
    const backups: HoldfastRun[] = [];
    for (let i = 0; i < 4; i++) {
      const force = i % 2 === 0 ? ['--force'] : [];
      backups.push(await runHoldfast(shared.path, ['backup', ...force, 'source'], { cwd: shared.folder }));
    }
    await stop();
    for (const [i, backup] of backups.entries()) {
      assertCounted(backup, source);
      const target = join(shared.folder, `restored ${i}`);
      await shared.holdfast(['restore', `${snapshotOf(backup)}:/source`, '--target', target, '--verify']);
    }
    t.diagnostic(`items that could not be read: ${backups.map((backup) => summaryOf(backup)['error_count']).join(', ')}`);
    await shared.check('--read-data');
  });

  it('is never left through a link that took the place of a file or a folder', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    const secret = 'outside of the source';
    for (const folder of [source, join(shared.folder, 'elsewhere')]) mkdirSync(folder);
    writeFileSync(join(shared.folder, 'elsewhere/secret'), secret);
    const stop = await startRestless(t, restlessLinks, [source, join(shared.folder, 'elsewhere')]);
    for (let i = 0; i < 10; i++)
      assertCounted(await runHoldfast(shared.path, ['backup', '--force', 'source'], { cwd: shared.folder }), source);
    await stop();
    const blobs = (await shared.restic(['list', 'blobs'])).stdout;
    assert.ok(blobs.includes(sha256(Buffer.from('harmless'))), 'the files were not even read');
    assert.ok(!blobs.includes(sha256(Buffer.from(secret))), 'a file outside of the source is in the repository');
    await shared.check('--read-data');
  });
});

/** @returns ends it, after a look whether it had been at work all the time */
async function startRestless(t: TestContext, program: string, args: readonly string[]): Promise<() => Promise<void>> {
  const restless = fork(program, [...args], { stdio: 'inherit' });
  t.after(() => void restless.kill('SIGKILL'));
  await once(restless, 'message');
  return async () => {
    assert.equal(restless.exitCode, null, 'nothing changed any more');
    const exit = once(restless, 'exit');
    restless.kill('SIGKILL');
    await exit;
  };
}

/** Every loss is an error with a name, the summary counts them, and the exit code tells. */
function assertCounted(backup: HoldfastRun, source: string): void {
  const failures = backup.lines.filter((line) => line['message_type'] === 'error');
  assert.equal(summaryOf(backup)['error_count'], failures.length);
  assert.equal(backup.code, failures.length === 0 ? 0 : partialExitCode, backup.stderr);
  for (const failure of failures) assert.ok(String(failure['item']).startsWith(source), JSON.stringify(failure));
  assert.doesNotMatch(backup.stderr, /\n\s+at /u);
}

describe('what may not be read', { concurrency: 2 }, () => {
  it('is named and counted, the rest is saved with exit code 3, as restic saves it', async (t) => {
    const peer = requireTreePeer(t);
    const user = requireOrdinaryUser(t);
    if (peer === undefined || user === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    const source = join(shared.folder, 'source');
    for (const folder of ['open', 'closed', 'listed only', 'not listed']) mkdirSync(join(source, folder), { recursive: true });
    for (const file of ['readable', 'unreadable', 'open/file', 'closed/file', 'listed only/file', 'not listed/file'])
      writeFileSync(join(source, file), file);
    // A copy, because the user may not reach restic where it is.
    copyFileSync(peer.path.startsWith('/') ? peer.path : '/usr/bin/restic', join(shared.folder, 'restic'));
    user.own(shared.folder);
    for (const [path, mode] of [
      ['unreadable', 0],
      ['closed', 0],
      ['listed only', 0o444],
      ['not listed', 0o111],
    ] as const)
      chmodSync(join(source, path), mode);
    const ours = await runHoldfast(shared.path, ['backup', 'source'], { cwd: shared.folder, prefix: user.prefix });
    assertCounted(ours, source);
    assert.equal(ours.code, partialExitCode, ours.stderr);
    const items = ours.lines.filter((line) => line['message_type'] === 'error').map((line) => String(line['item']).slice(source.length));
    assert.deepEqual(items.sort(), ['/closed', '/listed only/file', '/not listed', '/unreadable']);
    const [program, ...words] = [...user.prefix, join(shared.folder, 'restic')];
    const env = { ...process.env, HOME: shared.folder, RESTIC_PASSWORD: testPassword };
    const args = ['--no-cache', '--repo', shared.path, 'backup', '--json', '--force', 'source'];
    const theirs = await run(program, [...words, ...args], { cwd: shared.folder, env });
    assert.equal(theirs.code, partialExitCode, theirs.stderr);
    const [ourSnapshot, theirSnapshot] = [
      await shared.readSnapshot(snapshotOf(ours)),
      await shared.readSnapshot(snapshotOf({ lines: jsonLines(theirs.stdout) })),
    ];
    assert.equal(ourSnapshot.tree, theirSnapshot.tree);
    await shared.check('--read-data');
    for (const path of ['unreadable', 'closed', 'listed only', 'not listed']) chmodSync(join(source, path), 0o700);
  });

  it('and is the only target fails the run without a snapshot', async (t) => {
    const shared = await create(t);
    const user = requireOrdinaryUser(t);
    if (shared === undefined || user === undefined) return;
    writeFileSync(join(shared.folder, 'unreadable'), 'x', { mode: 0 });
    user.own(shared.folder);
    const result = await runHoldfast(shared.path, ['backup', 'unreadable'], { cwd: shared.folder, prefix: user.prefix });
    assert.equal(result.code, 1, result.stderr);
    assert.equal(messageOf(result.lines, 'error')['item'], join(shared.folder, 'unreadable'));
    assert.deepEqual(await shared.snapshots(), []);
    await shared.check('--read-data');
  });

  it('because the disk fails is named too', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    // A file of the kernel that can be opened and not read, whoever asks.
    const result = await runHoldfast(shared.path, ['backup', '/proc/self/mem', '/etc/hostname']);
    assert.equal(result.code, partialExitCode, result.stderr);
    const failure = messageOf(result.lines, 'error');
    assert.equal(failure['item'], '/proc/self/mem');
    assert.match(JSON.stringify(failure['error']), /EIO/u);
    snapshotOf(result);
    await shared.check('--read-data');
  });
});

async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, 'newest restic');
  return peer === undefined ? undefined : await SharedRepository.create(t, peer);
}
