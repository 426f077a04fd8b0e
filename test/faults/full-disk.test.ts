import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { compareTrees } from '../support/compare-trees.ts';
import { type HoldfastRun, messageOf, runHoldfast, snapshotOf } from '../support/holdfast.ts';
import { mountForTest } from '../support/mounts.ts';
import { localRepository } from '../support/new-repository.ts';
import { requirePeer, run } from '../support/peers.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { SharedRepository } from '../support/shared-repository.ts';
import { lastInFirstOut } from '../support/temporary-folder.ts';

const mib = 1024 * 1024;

describe('a disk that is full', { concurrency: 2 }, () => {
  it('ends a backup with a clear error and no snapshot; earlier ones stay, and with room again all goes on', async (t) => {
    const setting = await create(t, 24);
    if (setting === undefined) return;
    const { shared, disk, source } = setting;
    writeRandom(join(source, 'first'), 4);
    const first = snapshotOf(await shared.holdfast(['backup', 'source'], { cwd: shared.folder }));
    writeRandom(join(source, 'second'), 40);
    const refused = await runHoldfast(shared.path, ['backup', '--pack-size', '4', 'source'], { cwd: shared.folder });
    assertFull(refused);
    assert.deepEqual(readdirSync(join(shared.path, 'snapshots')), [first]);
    assert.deepEqual(shared.lockIds(), []);
    assert.deepEqual(readdirSync(join(shared.path, 'tmp')), []);
    await assertUsable(shared, disk, first);
  });

  it('that has not even room for a lock is named', async (t) => {
    const setting = await create(t, 8);
    if (setting === undefined) return;
    const { shared, disk, source } = setting;
    writeRandom(join(source, 'first'), 1);
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    fill(disk);
    writeRandom(join(source, 'second'), 1);
    assertFull(await runHoldfast(shared.path, ['backup', 'source'], { cwd: shared.folder }));
    // Reading must still be possible: that is when somebody needs the backup.
    const listed = await runHoldfast(shared.path, ['snapshots', '--no-lock']);
    assert.equal(listed.code, 0, listed.stderr);
    await shared.holdfast(['restore', 'latest', '--no-lock', '--target', join(shared.folder, 'restored')]);
    rmSync(join(disk, 'filler'));
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    await shared.check('--read-data');
  });

  it('under the target ends a restore with a clear error, and a second restore finishes it when there is room', async (t) => {
    const setting = await create(t, 24);
    if (setting === undefined) return;
    const { disk, source } = setting;
    const peer = setting.shared.peer;
    const shared = await SharedRepository.create(t, peer);
    writeRandom(join(source, 'files'), 20);
    const cwd = setting.shared.folder;
    await shared.holdfast(['backup', 'source'], { cwd });
    writeFileSync(join(disk, 'in the way'), pseudoRandomBytes(15 * mib, 3));
    const target = join(disk, 'restored');
    const refused = await runHoldfast(shared.path, ['restore', 'latest', '--target', target]);
    assertFull(refused);
    assert.deepEqual(shared.lockIds(), []);
    rmSync(join(disk, 'in the way'));
    await shared.holdfast(['restore', 'latest', '--target', target, '--verify']);
    assert.deepEqual(compareTrees(source, join(target, 'source')), []);
  });
});

interface Setting {
  readonly shared: SharedRepository;
  /** A small file system, which holds the repository. */
  readonly disk: string;
  readonly source: string;
}

async function create(t: TestContext, sizeMib: number): Promise<Setting | undefined> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return undefined;
  const cleanUp = lastInFirstOut(t);
  const shared = SharedRepository.at(cleanUp, peer, 'disk/repository');
  const disk = join(shared.folder, 'disk');
  if (!mountForTest(t, cleanUp, disk, ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs'])) return undefined;
  const repository = await localRepository(shared.path);
  await repository.close();
  const source = join(shared.folder, 'source');
  mkdirSync(source);
  return { shared, disk, source };
}

function writeRandom(folder: string, sizeMib: number): void {
  mkdirSync(folder);
  for (let i = 0; i < sizeMib * 4; i++) writeFileSync(join(folder, `${i}`), pseudoRandomBytes(mib / 4, i + sizeMib * 1000));
}

/** Takes the last byte. */
function fill(disk: string): void {
  const filler = join(disk, 'filler');
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  assert.equal(statfsSync(disk).bavail, 0);
}

function assertFull(result: HoldfastRun): void {
  assert.equal(result.code, 1, result.stderr);
  const { error_code, message, hint } = messageOf(result.lines, 'exit_error');
  assert.equal(error_code, 'storage-full', String(message));
  assert.ok(typeof hint === 'string' && hint !== '');
  assert.doesNotMatch(result.stderr, /\n\s+at /u);
  assert.equal(
    result.lines.some((line) => line['message_type'] === 'summary'),
    false,
    'a summary was printed',
  );
}

/** With room again: the disk is mounted larger, nothing else is done. */
async function assertUsable(shared: SharedRepository, disk: string, first: string): Promise<void> {
  assert.equal((await run('mount', ['-o', 'remount,size=200m', disk])).code, 0);
  await shared.check('--read-data');
  const target = join(shared.folder, 'restored');
  await shared.holdfast(['restore', `${first}:/source`, '--target', target]);
  assert.deepEqual(compareTrees(join(shared.folder, 'source/first'), join(target, 'first')), []);
  await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
  await shared.check('--read-data');
}
