/** rewrite, repair and recover beside those of the newest restic, on copies of one repository: the same trees, the same records. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { chooseSeed, generateTree, randomNumbers } from '../support/generated-tree.ts';
import { buildOddTree } from '../support/odd-tree.ts';
import type { JsonLine } from '../support/holdfast.ts';
import type { Peer } from '../support/peers.ts';
import { SharedRepository, requireTreePeer } from '../support/shared-repository.ts';

const rewrites: readonly (readonly string[])[] = [
  ['--exclude', '*e*'],
  ['--exclude', '/source/folder-1', '--exclude', '!/source/folder-1/**'],
  ['--exclude', 'source/*/*', '--exclude', '!*1*'],
  ['--iexclude', '*FOLDER-2*', '--forget'],
  ['--include', '*1*'],
  ['--include', '/source/folder-*', '--forget'],
  ['--iinclude', '/SOURCE/folder-1'],
  ['--include', '/nowhere'],
  ['--new-host', 'elsewhere', '--new-time', '2020-02-29 12:34:56'],
  ['--snapshot-summary', '--new-host', 'elsewhere', '--forget'],
  ['--exclude', 'nothing has this name'],
];

const cleanUps: (() => void)[] = [];
let original: Promise<SharedRepository> | undefined;

after(() => {
  for (const cleanUp of cleanUps) cleanUp();
});

/** A copy of two snapshots, of a tree that changed in between, one of them by restic. */
async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requireTreePeer(t);
  if (peer === undefined) return undefined;
  original ??= makeOriginal(t, peer);
  return copyOf(t, await original);
}

async function makeOriginal(t: TestContext, peer: Peer): Promise<SharedRepository> {
  const shared = await SharedRepository.create({ after: (work) => cleanUps.push(work) }, peer);
  const source = join(shared.folder, 'source');
  generateTree(source, { seed: chooseSeed((line) => t.diagnostic(line)), fileCount: 120, maxFileBytes: 30_000 });
  for (const name of ['folder-1/deep/file', 'folder-2/file', 'folder-2/deep/e', 'file-1']) write(join(source, name), name);
  buildOddTree(join(source, 'odd'));
  await shared.restic(['backup', 'source', '--tag', 'one'], { cwd: shared.folder });
  write(join(source, 'folder-1/more'), 'more');
  await shared.holdfast(['backup', 'source', '--tag', 'one,two'], { cwd: shared.folder });
  return shared;
}

function write(path: string, content: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  utimesSync(path, 1_600_000_000, 1_600_000_000);
}

/** The same repository for restic to work on. */
function copyOf(t: TestContext, { peer, path }: SharedRepository): SharedRepository {
  const copy = SharedRepository.at(t, peer);
  cpSync(path, copy.path, { recursive: true });
  return copy;
}

/** Snapshots without their ids, which depend on nonces, in an order that does not depend on them. */
async function records(shared: SharedRepository): Promise<JsonLine[]> {
  const snapshots = await shared.snapshots();
  return snapshots
    .map(({ id: _id, short_id: _shortId, program_version: _version, ...record }) => record)
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

describe('rewrite', () => {
  for (const args of rewrites) {
    it(`${args.join(' ')} makes what restic makes`, async (t) => {
      const ours = await create(t);
      if (ours === undefined) return;
      const theirs = copyOf(t, ours);
      await ours.holdfast(['rewrite', ...args]);
      await theirs.restic(['rewrite', ...args]);
      assert.deepEqual(await records(ours), await records(theirs));
      await ours.check('--read-data');
    });
  }

  it('changes nothing where restic has rewritten already, and the other way round', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    await shared.restic(['rewrite', '--exclude', '*e*', '--forget']);
    const between = await records(shared);
    await shared.holdfast(['rewrite', '--exclude', '*e*', '--forget']);
    assert.deepEqual(await records(shared), between);
    await shared.holdfast(['rewrite', '--exclude', '*1*', '--forget']);
    const after = await records(shared);
    await shared.restic(['rewrite', '--exclude', '*1*', '--forget']);
    assert.deepEqual(await records(shared), after);
  });
});

describe('repair snapshots', () => {
  it('takes out what restic takes out, whichever packs are gone', async (t) => {
    const ours = await create(t);
    if (ours === undefined) return;
    const random = randomNumbers(chooseSeed((line) => t.diagnostic(line)));
    const packs = packPaths(ours);
    // One at least stays and one goes, so that there is something to repair and something to keep.
    const gone = packs.filter((_path, at) => at === 0 || (at < packs.length - 1 && random() < 0.3));
    for (const path of gone) rmSync(path);
    await ours.restic(['repair', 'index']);
    const theirs = copyOf(t, ours);
    await ours.holdfast(['repair', 'snapshots', '--forget']);
    await theirs.restic(['repair', 'snapshots', '--forget']);
    assert.deepEqual(await records(ours), await records(theirs));
    await ours.check('--read-data');
  });

  it('without --forget leaves the damaged snapshots, and tags as restic does', async (t) => {
    const ours = await create(t);
    if (ours === undefined) return;
    // The second backup's data: its trees, and the roots, stay.
    rmSync(newestDataPack(ours));
    await ours.restic(['repair', 'index']);
    const theirs = copyOf(t, ours);
    await ours.holdfast(['repair', 'snapshots']);
    await theirs.restic(['repair', 'snapshots']);
    assert.deepEqual(await records(ours), await records(theirs));
  });
});

describe('repair packs', () => {
  it('saves the blobs that restic saves', async (t) => {
    const ours = await create(t);
    if (ours === undefined) return;
    const damaged = packPaths(ours).filter((path) => statSync(path).size > 20_000);
    for (const path of damaged) harm(path);
    const theirs = copyOf(t, ours);
    const ids = damaged.map((path) => path.slice(-64));
    await ours.holdfast(['repair', 'packs', ...ids], { cwd: ours.folder });
    await theirs.restic(['repair', 'packs', ...ids], { cwd: theirs.folder });
    const blobs = async (shared: SharedRepository): Promise<string[]> => (await shared.restic(['list', 'blobs'])).stdout.split('\n').sort();
    assert.deepEqual(await blobs(ours), await blobs(theirs));
    for (const id of ids) assert.deepEqual(readFileSync(join(ours.folder, `pack-${id}`)), readFileSync(join(theirs.folder, `pack-${id}`)));
    for (const shared of [ours, theirs]) await shared.holdfast(['repair', 'snapshots', '--forget']);
    assert.deepEqual(await records(ours), await records(theirs));
    await ours.check('--read-data');
  });
});

describe('recover', () => {
  it('finds the directories that restic finds', async (t) => {
    const ours = await create(t);
    if (ours === undefined) return;
    const [first] = await ours.snapshots();
    await ours.restic(['forget', String(first?.['id'])]);
    const theirs = copyOf(t, ours);
    await ours.holdfast(['recover']);
    await theirs.restic(['recover']);
    const names = async (shared: SharedRepository): Promise<unknown[]> =>
      (await shared.restic(['ls', '--json', '--tag', 'recovered', 'latest'])).lines
        .slice(1)
        .map(({ name, type, path }) => [name, type, path]);
    assert.deepEqual(await names(ours), await names(theirs));
    assert.ok((await names(ours)).some((entry) => JSON.stringify(entry).includes(String(first?.['tree']).slice(0, 8))));
    await ours.check('--read-data');
  });
});

function packPaths({ path }: SharedRepository): string[] {
  const names = readdirSync(join(path, 'data'), { recursive: true, encoding: 'utf8' }).filter((name) => name.length > 64);
  return names.sort().map((name) => join(path, 'data', name));
}

function newestDataPack(shared: SharedRepository): string {
  const [newest = ''] = packPaths(shared)
    .filter((path) => statSync(path).size < 1000)
    .toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  return newest;
}

/** One bit in its third blob or so, another near the end. */
function harm(path: string): void {
  const bytes = readFileSync(path);
  for (const at of [Math.floor(bytes.length / 3), Math.floor(bytes.length * 0.8)]) bytes[at] = (bytes[at] ?? 0) ^ 1;
  rmSync(path);
  writeFileSync(path, bytes);
}
