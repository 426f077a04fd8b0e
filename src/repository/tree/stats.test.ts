import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryTrees, type Sketch } from '../../../test/support/memory-trees.ts';
import { StatsCounter, type StatsMode } from './stats.ts';

async function count(mode: StatsMode, ...snapshots: Sketch[]) {
  const trees = new MemoryTrees();
  const counter = new StatsCounter({ source: trees, index: trees.index, mode });
  for (const snapshot of snapshots) await counter.addSnapshot(trees.store(snapshot));
  return counter.result();
}

const link = { type: 'file', links: 2, inode: 7, deviceId: 1, size: 10 } as const;

describe('statistics of snapshots', () => {
  test('restore-size counts every entry, and the size of hard links once in each snapshot', async () => {
    const stats = await count('restore-size', { a: 'xxx', b: 'xxx', d: { l1: link, l2: link } });
    assert.equal(stats.totalFileCount, 5);
    assert.equal(stats.totalSizeBytes, 3 + 3 + 10);
    assert.equal((await count('restore-size', { l: link }, { l: link })).totalSizeBytes, 20);
  });

  test('files-by-contents counts equal contents once', async () => {
    const stats = await count('files-by-contents', { a: 'xxx', b: 'xxx', c: 'yyyy' }, { z: 'xxx' });
    assert.equal(stats.totalFileCount, 2);
    assert.equal(stats.totalSizeBytes, 7);
  });

  test('blobs-per-file counts a blob once for a path', async () => {
    const stats = await count('blobs-per-file', { a: 'p\nq\np', b: 'q\nr' }, { a: 'p\ns' });
    assert.equal(stats.totalFileCount, 2);
    assert.equal(stats.totalBlobCount, 5);
  });

  test('raw-data counts stored blobs once, trees included', async () => {
    const stats = await count('raw-data', { a: 'xxx', b: 'xxx', d: { c: 'yy' } }, { a: 'xxx', b: 'xxx', d: { c: 'yy' } });
    assert.equal(stats.totalBlobCount, 4);
    assert.equal(stats.snapshotsCount, 2);
    assert.equal(stats.compression?.uncompressedSizeBytes, stats.totalSizeBytes);
    assert.equal(stats.compression?.spaceSaving, 0);
  });
});
