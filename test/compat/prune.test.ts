/** Prune and repair index beside restic's, on the same repository: the same decisions, and each takes over what the other left. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { compareTrees } from '../support/compare-trees.ts';
import { generateTree } from '../support/generated-tree.ts';
import { type HoldfastRun, messageOf } from '../support/holdfast.ts';
import { requirePeer } from '../support/peers.ts';
import { SharedRepository } from '../support/shared-repository.ts';

/** Lines of restic's `prune -v`, and where the same number of blobs or packs stands in the JSON of Holdfast. */
const counts: readonly (readonly [RegExp, 'blobs' | 'packfiles', string])[] = [
  [/^used: +(\d+) blobs/mu, 'blobs', 'used'],
  [/^unused: +(\d+) blobs/mu, 'blobs', 'unused'],
  [/^total: +(\d+) blobs/mu, 'blobs', 'total'],
  [/^to repack: +(\d+) blobs/mu, 'blobs', 'repack'],
  [/^this removes: +(\d+) blobs/mu, 'blobs', 'repack_remove'],
  [/^to delete: +(\d+) blobs/mu, 'blobs', 'remove'],
  [/^total prune: +(\d+) blobs/mu, 'blobs', 'remove_total'],
  [/^remaining: +(\d+) blobs/mu, 'blobs', 'remaining'],
  [/^totally used packs: +(\d+)/mu, 'packfiles', 'used'],
  [/^partly used packs: +(\d+)/mu, 'packfiles', 'partly_used'],
  [/^unused packs: +(\d+)/mu, 'packfiles', 'unused'],
  [/^to keep: +(\d+) packs/mu, 'packfiles', 'keep'],
  [/^to repack: +(\d+) packs/mu, 'packfiles', 'repack'],
  [/^to delete: +(\d+) packs/mu, 'packfiles', 'remove'],
];

const limits: readonly (readonly string[])[] = [
  [],
  ['--max-unused', '0'],
  ['--max-unused', '20%'],
  ['--max-unused', 'unlimited'],
  ['--max-repack-size', '3M'],
  ['--max-repack-size', '0'],
  ['--repack-cacheable-only'],
  ['--repack-smaller-than', '3M'],
  ['--repack-uncompressed'],
];

describe('prune beside restic', { concurrency: 2 }, () => {
  it('decides the same, whatever the limits', async (t) => {
    const shared = await usedRepository(t, 'restic');
    if (shared === undefined) return;
    for (const args of limits) {
      const stdout: string = (await shared.tryRestic(['prune', '--dry-run', '-v', ...args])).stdout;
      const ours = messageOf((await shared.holdfast(['prune', '--dry-run', ...args])).lines, 'summary');
      for (const [pattern, group, name] of counts) {
        const theirs: number = Number(pattern.exec(stdout)?.[1]);
        assert.equal((ours[group] as Record<string, number>)[name], theirs, `${group}.${name} of prune ${args.join(' ')}`);
      }
    }
  });

  it('leaves nothing to do for restic, and nothing wrong', async (t) => {
    const shared = await usedRepository(t, 'holdfast');
    if (shared === undefined) return;
    const done = packCounts(await shared.holdfast(['prune', '--max-unused', '0']));
    assert.ok((done['repack'] ?? 0) > 0 && (done['remove'] ?? 0) > 0, 'the prune had something of each kind to do');
    await shared.check('--read-data');
    const { stdout } = await shared.tryRestic(['prune', '--dry-run', '--max-unused', '0', '-v']);
    assert.match(stdout, /^total prune: +0 blobs/mu);
    await assertRestores(shared);
    await shared.restic(['backup', 'source'], { cwd: shared.folder });
    await shared.check('--read-data');
  });

  it('finds nothing to do after restic', async (t) => {
    const shared = await usedRepository(t, 'holdfast');
    if (shared === undefined) return;
    await shared.restic(['prune', '--max-unused', '0']);
    const { repack, remove_total } = packCounts(await shared.holdfast(['prune', '--max-unused', '0']));
    assert.deepEqual([repack, remove_total], [0, 0]);
    await shared.check('--read-data');
    await assertRestores(shared);
  });

  it('compresses what is not when told, so that nothing is left to compress for either', async (t) => {
    const shared = await usedRepository(t, 'holdfast', ['--compression', 'off']);
    if (shared === undefined) return;
    await shared.holdfast(['prune', '--repack-uncompressed', '--max-unused', '0']);
    await shared.check('--read-data');
    const { stdout } = await shared.tryRestic(['prune', '--dry-run', '--repack-uncompressed', '-v']);
    assert.match(stdout, /^to repack: +0 blobs/mu);
    assert.equal(packCounts(await shared.holdfast(['prune', '--dry-run', '--repack-uncompressed']))['repack'], 0);
    await assertRestores(shared);
  });

  it('works in format version 1', async (t) => {
    const shared = await usedRepository(t, 'restic', [], ['--repository-version', '1']);
    if (shared === undefined) return;
    await shared.holdfast(['prune', '--max-unused', '0']);
    await shared.check('--read-data');
    await assertRestores(shared);
    await shared.holdfast(['repair', 'index', '--read-all-packs']);
    await shared.check('--read-data');
  });
});

describe('repair index beside restic', { concurrency: 2 }, () => {
  it('makes the index of all packs that restic makes', async (t) => {
    const shared = await usedRepository(t, 'restic');
    if (shared === undefined) return;
    await shared.restic(['repair', 'index', '--read-all-packs']);
    const theirs = await indexOf(shared);
    await shared.holdfast(['repair', 'index', '--read-all-packs']);
    assert.deepEqual(await indexOf(shared), theirs);
    await shared.check('--read-data');
  });

  it('brings an index back that was lost in part or as a whole', async (t) => {
    const shared = await usedRepository(t, 'holdfast');
    if (shared === undefined) return;
    const folder = join(shared.path, 'index');
    for (const lost of [readdirSync(folder).slice(0, 2), readdirSync(folder)]) {
      for (const name of lost) rmSync(join(folder, name), { force: true });
      await shared.holdfast(['repair', 'index']);
      await shared.check('--read-data');
      await assertRestores(shared);
    }
  });
});

/** Six snapshots of a changing source, of which the first three were forgotten. */
async function usedRepository(
  t: TestContext,
  writer: 'restic' | 'holdfast',
  args: readonly string[] = [],
  initArgs: readonly string[] = [],
): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return undefined;
  const shared = await SharedRepository.createByRestic(t, peer, initArgs);
  const source = join(shared.folder, 'source');
  for (let round = 0; round < 6; round++) {
    generateTree(join(source, `part ${round}`), { seed: round, fileCount: 150, maxFileBytes: 200_000 });
    rmSync(join(source, `part ${round - 2}`), { recursive: true, force: true });
    const name = round % 2 === 0 ? 'folder 0' : 'folder 3';
    rmSync(join(source, `part ${round - 1}`, name), { recursive: true, force: true });
    await shared[writer](['backup', '--pack-size', '4', ...args, 'source'], { cwd: shared.folder });
  }
  const ids = (await shared.snapshots()).map((snapshot) => String(snapshot['id']));
  await shared.restic(['forget', ...ids.slice(0, 3)]);
  return shared;
}

async function assertRestores(shared: SharedRepository): Promise<void> {
  const target = join(shared.folder, 'restored');
  rmSync(target, { recursive: true, force: true });
  await shared.holdfast(['restore', 'latest:/source', '--target', target]);
  assert.deepEqual(
    compareTrees(join(shared.folder, 'source'), target).filter((difference) => !/time/u.test(difference)),
    [],
  );
}

function packCounts(result: HoldfastRun): Record<string, number> {
  return messageOf(result.lines, 'summary')['packfiles'] as Record<string, number>;
}

/** Each blob with its place, sorted. */
async function indexOf(shared: SharedRepository): Promise<string[]> {
  await using repository = await shared.open();
  const index = await repository.loadIndex();
  const places = Array.from({ length: index.entryCount }, (_, entry) => {
    const place = [index.offsetOf(entry), index.lengthOf(entry), index.plainLengthOf(entry)].join(' ');
    return `${index.typeOf(entry)} ${index.idHex(entry)} ${index.packIdHex(index.packOf(entry))} ${place}`;
  });
  return places.sort();
}
