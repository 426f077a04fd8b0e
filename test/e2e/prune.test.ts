import assert from 'node:assert/strict';
import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { lastInFirstOut } from '../support/temporary-folder.ts';
import { jsonOf, makeScene, type Scene } from './scene.ts';

const usageExitCode = 1;

/** Two snapshots, the first of which had a file of its own and was forgotten. */
async function usedScene(t: TestContext): Promise<Scene & { readonly kept: string }> {
  const scene = await makeScene(lastInFirstOut(t));
  writeFileSync(join(scene.source, 'large'), pseudoRandomBytes(3_000_000, 1));
  const first = await backUp(scene);
  rmSync(join(scene.source, 'large'));
  writeFileSync(join(scene.source, 'other'), pseudoRandomBytes(100_000, 2));
  const kept = await backUp(scene);
  rmSync(join(scene.repository, 'snapshots', first));
  return { ...scene, kept };
}

async function backUp(scene: Scene): Promise<string> {
  return String(jsonOf((await scene.holdfast(['backup', '--json', 'source'])).stdout).at(-1)?.['snapshot_id']);
}

function packsOf(scene: Scene): string[] {
  return readdirSync(join(scene.repository, 'data'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.length > 60)
    .sort();
}

describe('prune', () => {
  it('says what it does in words with sizes, does it, and restores work', async (t) => {
    const scene = await usedScene(t);
    const before = packsOf(scene);
    const planned = await scene.holdfast(['prune', '-n', '--max-unused', '0']);
    assert.deepEqual([planned.code, planned.stderr], [0, '']);
    assert.match(planned.stdout, /^would make the following changes:\nto repack: +\d+ blobs \/ .*\n/u);
    assert.match(planned.stdout, /total prune: +\d+ blobs \/ 2\.86\d MiB\n/u);
    assert.deepEqual(packsOf(scene), before);
    const done = await scene.holdfast(['prune', '--max-unused', '0', '--verbose']);
    assert.deepEqual([done.code, done.stderr], [0, '']);
    assert.match(done.stdout, /^used: +\d+ blobs[^]*partly used packs: +\d+\n[^]*\ndone\n$/u);
    assert.notDeepEqual(packsOf(scene), before);
    assert.equal((await scene.holdfast(['check', '--read-data'])).code, 0);
    assert.equal((await scene.holdfast(['restore', scene.kept, '--target', 'out', '--verify'])).code, 0);
    const again = await scene.holdfast(['prune', '--max-unused', '0', '--quiet']);
    assert.deepEqual([again.code, again.stdout, again.stderr], [0, '', '']);
  });

  it('prints one summary as JSON', async (t) => {
    const scene = await usedScene(t);
    const { code, stdout } = await scene.holdfast(['prune', '--json', '--quiet']);
    assert.equal(code, 0);
    const [summary, ...more] = jsonOf(stdout);
    assert.equal(more.length, 0);
    assert.equal(summary?.['message_type'], 'summary');
    const { blobs, bytes, packfiles } = summary as Record<string, Record<string, number>>;
    assert.equal((blobs?.['total'] ?? 0) - (blobs?.['remove_total'] ?? 0), blobs?.['remaining']);
    assert.deepEqual(Object.keys(blobs ?? {}), [
      'used',
      'duplicate',
      'unused',
      'total',
      'repack',
      'repack_remove',
      'remove',
      'remove_total',
      'remaining',
    ]);
    assert.deepEqual(Object.keys(bytes ?? {}).slice(-3), ['unreferenced', 'uncompressed', 'remaining_unused']);
    assert.equal(packfiles?.['keep'], (packfiles?.['total'] ?? 0) - (packfiles?.['repack'] ?? 0) - (packfiles?.['remove_total'] ?? 0));
  });

  it('refuses options that make no sense, and changes nothing', async (t) => {
    const scene = await usedScene(t);
    const before = packsOf(scene);
    const wrong = [
      ['--max-unused', '100%'],
      ['--max-unused', '-1%'],
      ['--max-unused', 'much'],
      ['--max-unused', ''],
      ['--max-repack-size', 'x'],
      ['--repack-smaller-than', '17M'],
      ['--repack-uncompressed', '--compression', 'off'],
      ['--no-lock'],
      ['surplus'],
    ];
    for (const args of wrong) {
      const { code, stderr } = await scene.holdfast(['prune', ...args]);
      assert.equal(code, usageExitCode, args.join(' '));
      assert.match(stderr, /^error: .+\nhint: .+\.\n$/u, args.join(' '));
    }
    assert.deepEqual(packsOf(scene), before);
  });

  it('names what is missing and ends with 1 when a needed pack is gone', async (t) => {
    const scene = await usedScene(t);
    await scene.holdfast(['prune', '--max-unused', '0', '--quiet']);
    const [gone = ''] = packsOf(scene);
    rmSync(join(scene.repository, 'data', gone));
    const { code, stderr } = await scene.holdfast(['prune']);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(gone.slice(3), 'u'));
    assert.match(stderr, /hint: Nothing was removed\./u);
  });
});

describe('repair index', () => {
  it('brings back an index that is gone, and says so', async (t) => {
    const scene = await usedScene(t);
    const folder = join(scene.repository, 'index');
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    const count = packsOf(scene).length;
    const { code, stdout, stderr } = await scene.holdfast(['repair', 'index']);
    assert.equal(code, 0);
    assert.equal(stderr.match(/^warning: pack [0-9a-f]{64} is in no index: it is added$/gmu)?.length, count);
    assert.equal(
      stdout,
      `looked at ${count} packs, read the headers of ${count}\nadded ${count} packs that no index knew\nwrote 1 index file, removed 0 old ones\n`,
    );
    assert.equal((await scene.holdfast(['check', '--read-data'])).code, 0);
    const again = await scene.holdfast(['repair', 'index']);
    assert.equal(again.stdout, `looked at ${count} packs, read the headers of 0\nthe index was right: nothing was changed\n`);
  });

  it('replaces an index file that is damaged, forgets a pack that is gone, and leaves out one without its end', async (t) => {
    const scene = await usedScene(t);
    const [index = ''] = readdirSync(join(scene.repository, 'index'));
    writeFileSync(join(scene.repository, 'index', index), 'garbage');
    const [gone = '', cut = ''] = packsOf(scene);
    rmSync(join(scene.repository, 'data', gone));
    truncateSync(join(scene.repository, 'data', cut), 100);
    const { code, stdout } = await scene.holdfast(['repair', 'index', '--json', '--quiet']);
    assert.equal(code, 0);
    const [summary] = jsonOf(stdout);
    assert.deepEqual(summary?.['indexes_damaged'], [index]);
    assert.deepEqual(
      (summary?.['packs_damaged'] as { id: string }[] | undefined)?.map(({ id }) => id),
      [cut.slice(3)],
    );
    const known = (await scene.holdfast(['cat', 'index', String(readdirSync(join(scene.repository, 'index'))[0])])).stdout;
    assert.ok(!known.includes(gone.slice(3)) && !known.includes(cut.slice(3)));
    for (const name of packsOf(scene)) if (name !== cut) assert.ok(known.includes(name.slice(3)), name);
  });

  it('does not make an index of nothing when no pack can be read', async (t) => {
    const scene = await usedScene(t);
    for (const name of packsOf(scene)) truncateSync(join(scene.repository, 'data', name), 100);
    const before = readdirSync(join(scene.repository, 'index'));
    const { code, stderr } = await scene.holdfast(['repair', 'index', '--read-all-packs']);
    assert.equal(code, 1);
    assert.match(stderr, /none of the \d+ packs has a header that can be read, so the index stays as it is/u);
    assert.deepEqual(readdirSync(join(scene.repository, 'index')), before);
  });
});
