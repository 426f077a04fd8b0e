import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CacheSetting } from '../../../test/support/cache-setting.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { MemoryBackend } from '../memory/memory-backend.ts';
import { CacheBackend } from './cache-backend.ts';
import { CacheFolder } from './cache-folder.ts';

const mebibyte = 1 << 20;
const trees = { holdsTrees: true } as const;

describe('CacheFolder', () => {
  it('keeps within its limit, and lets those go first that were not used for the longest time', async (t) => {
    const setting = new CacheSetting(t, 100_000);
    const planted = await Promise.all(Array.from({ length: 30 }, (_, n) => setting.plant('index', n, 10_000)));
    for (const { file } of planted.slice(0, 8)) {
      const backend = setting.open();
      await backend.load(file);
      await backend.close();
    }
    // All of them long ago, each later than the one before; then the first is used again.
    for (const [n, { file }] of planted.slice(0, 8).entries()) utimesSync(setting.pathOf(file), 1_700_000_000 + n, 1_700_000_000 + n);
    const backend = setting.open();
    await backend.load(planted[0]?.file ?? { kind: 'index', name: '' });
    for (const { file } of planted.slice(8, 12)) await backend.load(file);
    await backend.close();
    const kept = new Set(setting.files());
    const isKept = planted.slice(0, 12).map(({ file }) => kept.has(file.name));
    // The folder is looked through while files come in, so that two or three of them have to go: the oldest but for the one that was used.
    const goneCount = isKept.filter((kept) => !kept).length;
    assert.ok(goneCount === 2 || goneCount === 3, String(isKept));
    assert.deepEqual(isKept.slice(0, 1 + goneCount), [true, ...new Array<boolean>(goneCount).fill(false)]);
    const next = setting.open();
    for (const { file } of planted) await next.load(file);
    await next.close();
    assert.ok(setting.files().length * 10_000 <= 100_000);
  });

  it('keeps no file that would fill a large part of it, and does not fetch a whole pack of that size', async (t) => {
    const setting = new CacheSetting(t, 40_000);
    const { file, bytes } = await setting.plant('pack', 11, 20_000);
    const index = await setting.plant('index', 11, 20_000);
    const backend = setting.open();
    assert.deepEqual(await backend.load(file, { ...trees, offset: 4, length: 5 }), bytes.subarray(4, 9));
    assert.deepEqual(await backend.load(index.file), index.bytes);
    assert.deepEqual(setting.files(), []);
    assert.deepEqual(
      setting.storage.loads.map(({ sizeBytes }) => sizeBytes),
      [5, 20_000],
    );
  });

  it('removes what a process left behind that died a day ago, when it tidies up', async (t) => {
    const setting = new CacheSetting(t, 20_000);
    const [first, second] = [await setting.plant('index', 12, 4_000), await setting.plant('index', 13, 4_000)];
    await setting.open().load(first.file);
    const leftover = join(setting.pathOf(first.file), '../tmp-1-abc');
    const recent = join(setting.pathOf(first.file), '../tmp-2-abc');
    for (const path of [leftover, recent]) writeFileSync(path, 'half a file');
    utimesSync(leftover, 1_700_000_000, 1_700_000_000);
    const backend = setting.open();
    await backend.load(second.file);
    await backend.close();
    assert.deepEqual([existsSync(leftover), existsSync(recent)], [false, true]);
  });

  it('of one run alone is gone afterwards', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'once');
    const backend = new CacheBackend(new MemoryBackend(), new CacheFolder({ path, limitBytes: mebibyte, isTemporary: true }));
    const bytes = Buffer.from('an index');
    await backend.save({ kind: 'index', name: hash('sha256', bytes, 'hex') }, bytes);
    assert.equal(existsSync(path), true);
    await backend.close();
    assert.deepEqual(readdirSync(folder), []);
  });
});
