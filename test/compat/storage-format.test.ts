import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { jsonLines, messageOf, runHoldfast, summaryOf } from '../support/holdfast.ts';
import { requirePeer } from '../support/peers.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { SharedRepository } from '../support/shared-repository.ts';

const mib = 1024 * 1024;

describe('the compression', { concurrency: 2 }, () => {
  it('makes repositories that restic reads in every mode, smaller the harder it tries', async (t) => {
    const sizes: Record<string, number> = {};
    for (const mode of ['off', 'fastest', 'auto', 'better', 'max']) {
      const shared = await create(t);
      if (shared === undefined) return;
      buildText(join(shared.folder, 'source'));
      const summary = summaryOf(await shared.holdfast(['backup', '--compression', mode, 'source'], { cwd: shared.folder }));
      await shared.check('--read-data');
      sizes[mode] = summary['data_added_packed'] ?? 0;
      // Trees are compressed in every mode.
      const isStoredRaw = sizes[mode] > 0.99 * (summary['data_added'] ?? 0);
      assert.equal(isStoredRaw, mode === 'off', mode);
    }
    const { off = 0, fastest = 0, auto = 0, better = 0, max = 0 } = sizes;
    assert.ok(max <= better && better <= auto && auto <= fastest && fastest < off / 2, JSON.stringify(sizes));
  });

  it('off still compresses trees and index, and restic says so of its own', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    mkdirSync(join(shared.folder, 'source'));
    for (let i = 0; i < 1000; i++) writeFileSync(join(shared.folder, 'source', `file ${i}`), '');
    const ours = summaryOf(await shared.holdfast(['backup', '--compression', 'off', 'source'], { cwd: shared.folder }));
    const other = await create(t);
    if (other === undefined) return;
    const theirs = summaryOf(await other.restic(['backup', '--json', '--compression', 'off', 'source'], { cwd: shared.folder }));
    const isCompressed = ({ data_added = 0, data_added_packed = 0 }: Record<string, number>): boolean => data_added_packed < data_added;
    assert.equal(isCompressed(ours), isCompressed(theirs));
  });

  it('leaves what is random nearly as large as it is', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    mkdirSync(join(shared.folder, 'source'));
    writeFileSync(join(shared.folder, 'source/random'), pseudoRandomBytes(10 * mib, 1));
    const { data_added_packed = 0 } = summaryOf(await shared.holdfast(['backup', 'source'], { cwd: shared.folder }));
    assert.ok(data_added_packed >= 10 * mib && data_added_packed < 10.1 * mib, String(data_added_packed));
    await shared.check('--read-data');
  });
});

describe('packs', { concurrency: 2 }, () => {
  it('have the size asked for, and hold data or trees but never both', async (t) => {
    for (const packMib of [4, 16, 64]) {
      const shared = await create(t);
      if (shared === undefined) return;
      buildRandom(join(shared.folder, 'source'), 70);
      await shared.holdfast(['backup', '--pack-size', String(packMib), 'source'], { cwd: shared.folder });
      assertPackSizes(shared, packMib);
      await assertTypesApart(shared);
      await shared.check('--read-data');
    }
  });

  it('are as many as restic makes of the same, or fewer', async (t) => {
    const ours = await create(t);
    const theirs = await create(t);
    if (ours === undefined || theirs === undefined) return;
    buildRandom(join(ours.folder, 'source'), 60);
    await ours.holdfast(['backup', 'source'], { cwd: ours.folder });
    await theirs.restic(['backup', 'source'], { cwd: ours.folder });
    const [ourCount, theirCount] = [packsOf(ours).length, packsOf(theirs).length];
    // The last pack of each worker is filled up from the others', so there is one small pack for data and one for trees at most.
    assert.ok(ourCount <= theirCount + 1, `${ourCount} packs, restic makes ${theirCount}`);
  });

  it('sizes that restic refuses are refused', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    for (const size of ['3', '129', 'x']) {
      const ours = await runHoldfast(shared.path, ['backup', '--pack-size', size, '/etc/hostname']);
      assert.equal(ours.code, 1, size);
      assert.equal(messageOf(ours.lines, 'exit_error')['error_code'], 'usage', size);
    }
    assert.deepEqual(await shared.snapshots(), []);
  });
});

describe('the index', { concurrency: 2 }, () => {
  it('lists each blob of each pack once, at its place', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    buildRandom(join(shared.folder, 'source'), 20);
    buildText(join(shared.folder, 'source/text'));
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    writeFileSync(join(shared.folder, 'source/more'), pseudoRandomBytes(3 * mib, 5000));
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    const listed = await blobsOf(shared);
    assert.equal(new Set(listed).size, listed.length, 'a blob is stored twice');
    await shared.restic(['repair', 'index', '--read-all-packs']);
    assert.deepEqual(await blobsOf(shared), listed);
  });

  it('has no entry for a blob twice when many equal files are read at once', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    mkdirSync(join(shared.folder, 'source'));
    for (let i = 0; i < 400; i++) writeFileSync(join(shared.folder, 'source', `${i}`), pseudoRandomBytes(30_000, i % 7));
    const { data_blobs } = summaryOf(await shared.holdfast(['backup', 'source'], { cwd: shared.folder }));
    assert.equal(data_blobs, 7);
    assert.equal(jsonLines((await shared.restic(['stats', '--json', '--mode', 'raw-data'])).stdout).at(-1)?.['total_blob_count'], 9);
    await shared.check('--read-data');
  });
});

async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, 'newest restic');
  return peer === undefined ? undefined : await SharedRepository.create(t, peer);
}

/** Something like source code: the project's own. */
function buildText(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const root = join(import.meta.dirname, '../../src');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const text = Buffer.concat(files.sort().map((name) => readFileSync(join(root, name))));
  writeFileSync(join(folder, 'all'), text);
  for (let i = 0; i < 50; i++) writeFileSync(join(folder, `part ${i}`), text.subarray(i * 4000, (i + 1) * 4000));
}

/** Files of 1 MiB, each but the first of two chunks at most. */
function buildRandom(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(folder, `random ${i}`), pseudoRandomBytes(mib, i + 1));
}

function packsOf(shared: SharedRepository): { sizeBytes: number }[] {
  const folder = join(shared.path, 'data');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\/[0-9a-f]{64}$/u.test(name));
  return names.map((name) => ({ sizeBytes: statSync(join(folder, name)).size }));
}

/** A pack is closed when it reaches its size, so only the rest of the data and the trees may make smaller ones. */
function assertPackSizes(shared: SharedRepository, packMib: number): void {
  const packs = packsOf(shared);
  const small = packs.filter(({ sizeBytes }) => sizeBytes < packMib * mib);
  const tooLarge = packs.filter(({ sizeBytes }) => sizeBytes > (packMib + 9) * mib);
  const text = packs.map(({ sizeBytes }) => (sizeBytes / mib).toFixed(1)).join(' ');
  assert.deepEqual(tooLarge, [], text);
  // Up to four workers' rests are put together as far as they fit.
  assert.ok(small.length <= 3 + Math.ceil(16 / packMib), `${small.length} small packs: ${text}`);
}

async function assertTypesApart(shared: SharedRepository): Promise<void> {
  for (const id of readdirSync(join(shared.path, 'index'))) {
    const index = JSON.parse((await shared.restic(['cat', 'index', id])).stdout) as { packs: { blobs: { type: string }[] }[] };
    for (const { blobs } of index.packs) assert.equal(new Set(blobs.map(({ type }) => type)).size, 1);
  }
}

async function blobsOf(shared: SharedRepository): Promise<string[]> {
  return (await shared.restic(['list', 'blobs'])).stdout.trim().split('\n').sort();
}
