import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type HoldfastRun, jsonLines, messageOf, runHoldfast, snapshotOf, summaryOf } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requireOrdinaryUser } from '../support/ordinary-user.ts';
import { requirePeer, run } from '../support/peers.ts';
import { requireTreePeer, SharedRepository } from '../support/shared-repository.ts';

const partialExitCode = 3;
const restlessSource = fileURLToPath(new URL('../support/restless-source.ts', import.meta.url));
const secretText = 'outside of the source';

describe('a source that changes while it is read', () => {
  it('gives a snapshot without errors of its own, names what it lost, and never follows a link that was put in place of a file', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    mkdirSync(join(shared.folder, 'secret'));
    mkdirSync(source);
    writeFileSync(join(shared.folder, 'secret/file'), secretText);
    const restless = fork(restlessSource, [source, join(shared.folder, 'secret/file')], { stdio: 'inherit' });
    t.after(() => void restless.kill('SIGKILL'));
    await once(restless, 'message');
    const backups: HoldfastRun[] = [];
    for (let i = 0; i < 4; i++)
      backups.push(await runHoldfast(shared.path, ['backup', ...(i % 2 === 0 ? ['--force'] : []), 'source'], { cwd: shared.folder }));
    assert.equal(restless.exitCode, null, 'the files did not change any more');
    restless.kill('SIGKILL');
    await once(restless, 'exit');
    for (const [i, backup] of backups.entries()) {
      assertCounted(backup, source);
      await assertRestorable(shared, snapshotOf(backup), join(shared.folder, `restored ${i}`));
    }
    t.diagnostic(`items that could not be read: ${backups.map((backup) => summaryOf(backup)['error_count']).join(', ')}`);
    await shared.check('--read-data');
  });
});

/** Every loss is an error with a name, the summary counts them, and the exit code tells. */
function assertCounted(backup: HoldfastRun, source: string): void {
  const failures = backup.lines.filter((line) => line['message_type'] === 'error');
  assert.equal(summaryOf(backup)['error_count'], failures.length);
  assert.equal(backup.code, failures.length === 0 ? 0 : partialExitCode, backup.stderr);
  for (const failure of failures) assert.ok(String(failure['item']).startsWith(source), JSON.stringify(failure));
  assert.doesNotMatch(backup.stderr, /\n\s+at /u);
}

async function assertRestorable(shared: SharedRepository, id: string, target: string): Promise<void> {
  await shared.holdfast(['restore', `${id}:/source`, '--target', target, '--verify']);
  for (const name of readdirSync(target)) {
    const path = join(target, name);
    const stats = lstatSync(path);
    if (name.startsWith('of changing type') && stats.isFile()) assert.equal(readFileSync(path, 'utf8'), 'harmless');
    if (name.startsWith('folder') && stats.isDirectory()) assert.deepEqual(readdirSync(path), []);
  }
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
