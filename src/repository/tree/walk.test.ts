import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HoldfastError } from '../../base/errors.ts';
import { findNode, findSubtree } from './find-node.ts';
import { MemoryTrees } from '../../../test/support/memory-trees.ts';
import { parsePath } from './parse-path.ts';
import { displayPath, isWithin, pathBytes, rootPath, type TreePath } from './tree-path.ts';
import { walkTree } from './walk.ts';

const sketch = { etc: { passwd: 'root', ssh: { key: 'k' } }, 'etc-more': 'x', home: {}, über: 'y' };

async function visit(
  trees: MemoryTrees,
  root: ReturnType<MemoryTrees['store']>,
  decide = (_path: string) => 'enter' as 'enter' | 'skip' | 'stop',
) {
  const seen: string[] = [];
  const isWhole = await walkTree(trees, root, {
    onEntry: ({ path }) => {
      seen.push(displayPath(path));
      return decide(displayPath(path));
    },
    onLeave: ({ path }) => seen.push(`${displayPath(path)} left`),
  });
  return { seen, isWhole };
}

describe('a walk through a tree', () => {
  test('visits directories before what is in them, names in the order of their bytes', async () => {
    const trees = new MemoryTrees();
    const { seen, isWhole } = await visit(trees, trees.store(sketch));
    const expected = [
      '/etc',
      '/etc/passwd',
      '/etc/ssh',
      '/etc/ssh/key',
      '/etc/ssh left',
      '/etc left',
      '/etc-more',
      '/home',
      '/home left',
      '/über',
    ];
    assert.deepEqual(seen, expected);
    assert.equal(isWhole, true);
  });

  test('leaves out what the visitor skips and ends where it stops', async () => {
    const trees = new MemoryTrees();
    const root = trees.store(sketch);
    assert.deepEqual((await visit(trees, root, (path) => (path === '/etc' ? 'skip' : 'enter'))).seen, [
      '/etc',
      '/etc-more',
      '/home',
      '/home left',
      '/über',
    ]);
    const stopped = await visit(trees, root, (path) => (path === '/etc/passwd' ? 'stop' : 'enter'));
    assert.deepEqual(stopped, { seen: ['/etc', '/etc/passwd'], isWhole: false });
  });

  test('fails on a tree that cannot be read, or goes on without it where the visitor says so', async () => {
    const trees = new MemoryTrees();
    const root = trees.store(sketch);
    trees.forget(await findSubtree(trees, root, '/etc'));
    await assert.rejects(visit(trees, root), /no tree/);
    const unreadable: string[] = [];
    await walkTree(trees, root, { onEntry: () => 'enter', onUnreadable: (_tree, path) => unreadable.push(path) });
    assert.deepEqual(unreadable, ['/etc']);
  });

  test('ends when its signal fires', async () => {
    const trees = new MemoryTrees();
    const signal = AbortSignal.abort();
    await assert.rejects(walkTree(trees, trees.store(sketch), { onEntry: () => 'enter' }, { signal }), { code: 'cancelled' });
  });
});

describe('a path in a snapshot', () => {
  test('is found whatever slashes and dots it is written with', async () => {
    const trees = new MemoryTrees();
    const root = trees.store(sketch);
    for (const path of ['/etc/passwd', 'etc/passwd', '//etc/./ssh/../passwd']) {
      assert.equal((await findNode(trees, root, path)).path, '/etc/passwd', path);
    }
    assert.equal((await findNode(trees, root, '/')).node, undefined);
    assert.equal(displayPath((await findNode(trees, root, '/über')).path), '/über');
  });

  test('that is not there, or leads through a file, is named', async () => {
    const trees = new MemoryTrees();
    const root = trees.store(sketch);
    const isNotFound = (path: string) => (error: unknown) =>
      error instanceof HoldfastError && error.code === 'not-found' && error.message.includes(path);
    await assert.rejects(findNode(trees, root, '/etc/shadow/x'), isNotFound('/etc/shadow'));
    await assert.rejects(findNode(trees, root, '/etc/passwd/x'), isNotFound('/etc/passwd'));
    await assert.rejects(findSubtree(trees, root, '/etc-more'), isNotFound('/etc-more'));
  });

  test('lies in a directory only behind a slash', () => {
    const directory = parsePath('/etc');
    assert.equal(isWithin('/etc' as TreePath, directory), true);
    assert.equal(isWithin('/etc/x' as TreePath, directory), true);
    assert.equal(isWithin('/etc-more' as TreePath, directory), false);
    assert.equal(isWithin('/etc' as TreePath, rootPath), true);
  });

  test('keeps bytes that are no text', () => {
    const path = '/a\\xff/b' as TreePath;
    assert.deepEqual(pathBytes(path), Buffer.from([0x2f, 0x61, 0xff, 0x2f, 0x62]));
    assert.equal(displayPath(path), '/a\ufffd/b');
  });
});
