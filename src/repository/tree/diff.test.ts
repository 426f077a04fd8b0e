import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { diffTrees } from './diff.ts';
import { findSubtree } from './find-node.ts';
import { MemoryTrees, type Sketch } from '../../../test/support/memory-trees.ts';

async function diff(before: Sketch, after: Sketch, withMetadata = false) {
  const trees = new MemoryTrees();
  const changes: string[] = [];
  const failures: string[] = [];
  const totals = await diffTrees({
    source: trees,
    index: trees.index,
    before: trees.store(before),
    after: trees.store(after),
    withMetadata,
    onChange: ({ path, modifier }) => changes.push(`${modifier} ${path}`),
    onFailure: (path) => failures.push(path),
  });
  return { changes, totals, failures };
}

describe('the difference of two trees', () => {
  test('of equal trees is empty', async () => {
    const { changes, totals } = await diff({ a: 'x', d: { b: 'y' } }, { a: 'x', d: { b: 'y' } });
    assert.deepEqual(changes, []);
    assert.deepEqual(totals.added, { files: 0, dirs: 0, others: 0, dataBlobs: 0, treeBlobs: 0, bytes: 0 });
  });

  test('names what was added, removed, modified and what changed its type', async () => {
    const { changes, totals } = await diff(
      { 'd-gone': { f: '1', s: { type: 'symlink', linkTarget: 't' } }, mod: 'old', same: 's', type: 'file' },
      { 'd-new': { f: '22', g: '' }, mod: 'new longer', same: 's', type: { type: 'symlink', linkTarget: 'x' } },
    );
    assert.deepEqual(changes, ['- /d-gone/', '- /d-gone/f', '- /d-gone/s', '+ /d-new/', '+ /d-new/f', '+ /d-new/g', 'M /mod', 'T /type']);
    assert.equal(totals.changedFiles, 1);
    assert.deepEqual([totals.added.files, totals.added.dirs, totals.added.others], [2, 1, 0]);
    assert.deepEqual([totals.removed.files, totals.removed.dirs, totals.removed.others], [1, 1, 1]);
  });

  test('counts blobs that only one side has, wherever the other side has them', async () => {
    const { totals } = await diff({ a: 'shared\ngone', d: { f: 'moved' } }, { a: 'shared\nfresh', e: 'moved' });
    assert.equal(totals.added.dataBlobs, 1);
    assert.equal(totals.removed.dataBlobs, 1);
    assert.equal(totals.removed.treeBlobs, 2, 'the root and d');
    assert.equal(totals.added.treeBlobs, 1, 'the root');
  });

  test('does not count what an unchanged directory holds', async () => {
    const { totals } = await diff({ d: { f: 'kept' }, x: 'only here' }, { d: { f: 'kept' }, y: 'kept' });
    assert.equal(totals.added.dataBlobs, 0);
    assert.equal(totals.removed.dataBlobs, 1);
  });

  test('marks content that changed while all metadata stayed', async () => {
    const { changes } = await diff({ f: 'aaa' }, { f: 'bbb' });
    assert.deepEqual(changes, ['M? /f']);
  });

  test('shows changed metadata only when asked, and takes equal moments as equal', async () => {
    const before = { f: { type: 'file', uid: 1 }, t: { type: 'file', mtime: '2026-11-21T10:00:00Z' } } as const;
    const after = { f: { type: 'file', uid: 2 }, t: { type: 'file', mtime: '2026-11-21T12:00:00+02:00' } } as const;
    assert.deepEqual((await diff(before, after)).changes, []);
    assert.deepEqual((await diff(before, after, true)).changes, ['U /f']);
  });

  test('goes on when a directory cannot be read', async () => {
    const trees = new MemoryTrees();
    const before = trees.store({ d: { f: '1' }, e: { f: '1', g: '2' } });
    const after = trees.store({ d: { f: '2' }, e: { f: '2', g: '2' } });
    trees.forget(await findSubtree(trees, after, '/d'));
    const changes: string[] = [];
    const failures: string[] = [];
    const onChange = ({ path, modifier }: { path: string; modifier: string }) => changes.push(`${modifier} ${path}`);
    await diffTrees({
      source: trees,
      index: trees.index,
      before,
      after,
      withMetadata: false,
      onChange,
      onFailure: (path) => failures.push(path),
    });
    assert.deepEqual(failures, ['/d']);
    assert.deepEqual(changes, ['M? /e/f']);
  });
});
