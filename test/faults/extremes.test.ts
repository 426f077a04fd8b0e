import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, lstatSync, mkdirSync, openSync, readdirSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AT_FDCWD, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY } from '../../src/posix/constants.ts';
import { checked } from '../../src/posix/errno.ts';
import { libc } from '../../src/posix/libc.ts';
import { cName } from '../../src/posix/names.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { snapshotOf, summaryOf } from '../support/holdfast.ts';
import { requirePeer } from '../support/peers.ts';
import { assertNothingAdded } from '../support/same-snapshot.ts';
import { requireTreePeer, SharedRepository } from '../support/shared-repository.ts';

/** More than 31 bits hold. */
const holeBytes = 2_200_000_000;
const manyEntries = 100_000;

describe('a source out of the ordinary', { concurrency: 2 }, () => {
  it('with paths far beyond PATH_MAX is saved, checked and restored', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    const depth = 200;
    buildDeepFolder(source, depth, 'x'.repeat(100));
    const first = await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    // Each folder holds one file, and the source itself one too.
    assert.equal(summaryOf(first)['files_new'], depth + 1);
    assert.equal(summaryOf(await shared.holdfast(['backup', 'source'], { cwd: shared.folder }))['files_unmodified'], depth + 1);
    await shared.check('--read-data');
    await shared.holdfast(['check']);
    const target = join(shared.folder, 'restored');
    await shared.holdfast(['restore', 'latest:/source', '--target', target, '--verify']);
    assert.deepEqual(compareTrees(source, target), []);
  });

  it(`with ${manyEntries} entries in one folder has the tree that restic makes of it, and is restored`, async (t) => {
    const peer = requireTreePeer(t);
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    const source = join(shared.folder, 'source');
    mkdirSync(source);
    for (let i = 0; i < manyEntries; i++) closeSync(openSync(join(source, `entry number ${i}`), 'w'));
    const ours = await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    assert.equal(summaryOf(ours)['files_new'], manyEntries);
    const theirs = await shared.restic(['backup', '--json', 'source'], { cwd: shared.folder });
    assertNothingAdded(theirs);
    const [ourTree, theirTree] = [await shared.readSnapshot(snapshotOf(ours)), await shared.readSnapshot(snapshotOf(theirs))].map(
      ({ tree }) => tree,
    );
    assert.equal(ourTree, theirTree);
    const target = join(shared.folder, 'restored');
    await shared.holdfast(['restore', 'latest:/source', '--target', target]);
    assert.deepEqual(readdirSync(target).sort(), readdirSync(source).sort());
  });

  it('with a file of more than 2 GiB that is nearly all hole costs little room, in the repository and when it is restored', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    mkdirSync(source);
    buildHole(join(source, 'hole'), holeBytes);
    const { total_bytes_processed, data_added_packed = 0 } = summaryOf(await shared.holdfast(['backup', 'source'], { cwd: shared.folder }));
    assert.equal(total_bytes_processed, holeBytes);
    assert.ok(data_added_packed < 100_000, String(data_added_packed));
    await shared.check('--read-data');
    const target = join(shared.folder, 'restored');
    await shared.holdfast(['restore', 'latest:/source', '--target', target]);
    const { size, blocks } = lstatSync(join(target, 'hole'));
    assert.equal(size, holeBytes);
    assert.ok(blocks * 512 < 1_000_000, `${blocks} blocks`);
    // Reading all of a hole takes half a minute on some machines; what is no hole tells whether it stands where it belongs.
    assert.deepEqual(compareTrees(source, target, { except: ['content'] }), []);
    assertData(join(target, 'hole'), size);
  });

  it('with nothing in it is saved and restored', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    mkdirSync(join(shared.folder, 'source'));
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    await shared.check('--read-data');
    await shared.holdfast(['restore', 'latest', '--target', join(shared.folder, 'restored')]);
    assert.deepEqual(readdirSync(join(shared.folder, 'restored')), ['source']);
  });
});

async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, 'newest restic');
  return peer === undefined ? undefined : await SharedRepository.create(t, peer);
}

/** Folders one in the other, each with a file: too deep for any path, so it goes from descriptor to descriptor. */
function buildDeepFolder(path: string, depth: number, name: string): void {
  mkdirSync(path);
  let folder = checked('open', path, libc().openAt(AT_FDCWD, cName(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  writeAt(folder, 'file 0');
  for (let level = 1; level <= depth; level++) {
    checked('mkdir', name, libc().mkdirAt(folder, cName(name), 0o755));
    const below = checked('open', name, libc().openAt(folder, cName(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    libc().close(folder);
    folder = below;
    writeAt(folder, `file ${level}`);
  }
  libc().close(folder);
}

function writeAt(folder: number, name: string): void {
  const fd = checked('open', name, libc().openAt(folder, cName(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644));
  writeFileSync(fd, `content of ${name}`);
  closeSync(fd);
}

/** With a few bytes at the front, in the middle and at the end. */
function buildHole(path: string, sizeBytes: number): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, sizeBytes);
  for (const offset of dataOffsets(sizeBytes)) writeSync(fd, 'data', offset);
  closeSync(fd);
}

function dataOffsets(sizeBytes: number): number[] {
  return [0, Math.floor(sizeBytes / 2) + 12_345, sizeBytes - 4];
}

function assertData(path: string, sizeBytes: number): void {
  const fd = openSync(path, 'r');
  for (const offset of dataOffsets(sizeBytes)) {
    const found = Buffer.alloc(6);
    readSync(fd, found, 1, 5, offset - (offset === 0 ? 0 : 1));
    assert.match(found.toString('latin1'), /^\0\0?data/u, `at ${offset}`);
  }
  closeSync(fd);
}
