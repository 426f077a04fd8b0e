import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTime } from '../../format/go-time.ts';
import { compilePatterns } from '../../patterns/pattern-list.ts';
import { type EntryQuery, findEntries, findObjects, type FoundObject } from './find.ts';
import { findNode } from './find-node.ts';
import { MemoryTrees } from '../../../test/support/memory-trees.ts';

const sketch = {
  etc: { 'app.yml': 'a', 'other.txt': 'b', deep: { 'APP.YML': 'c' } },
  old: { type: 'file', mtime: '2020-01-01T00:00:00Z' },
  new: { type: 'file', mtime: '2026-06-01T00:00:00Z' },
} as const;

async function find(query: EntryQuery): Promise<string[]> {
  const trees = new MemoryTrees();
  const paths: string[] = [];
  await findEntries({ source: trees, root: trees.store(sketch), onUnreadable: () => assert.fail() }, query, ({ path }) => paths.push(path));
  return paths;
}

describe('a search in a snapshot', () => {
  test('finds by pattern, in any case of letters when asked', async () => {
    assert.deepEqual(await find({ patterns: compilePatterns(['*.yml']) }), ['/etc/app.yml']);
    assert.deepEqual(await find({ patterns: compilePatterns(['*.yml'], { ignoreCase: true }) }), ['/etc/app.yml', '/etc/deep/APP.YML']);
    assert.deepEqual(await find({ patterns: compilePatterns(['/etc/deep']) }), ['/etc/deep', '/etc/deep/APP.YML']);
  });

  test('finds by time, both ends included', async () => {
    const patterns = compilePatterns(['*']);
    assert.deepEqual(await find({ patterns, newestNs: parseTime('2020-01-01T00:00:00Z') }), ['/old']);
    const [from, to] = [parseTime('2026-05-01T00:00:00Z'), parseTime('2026-06-01T00:00:00Z')];
    assert.deepEqual(await find({ patterns, oldestNs: from, newestNs: to }), ['/new']);
  });

  test('finds the files that use a blob, and the places of a tree, by the beginning of the id', async () => {
    const trees = new MemoryTrees();
    const root = trees.store(sketch);
    const { node: file } = await findNode(trees, root, '/etc/app.yml');
    const { node: folder } = await findNode(trees, root, '/etc/deep');
    const found: FoundObject[] = [];
    const query = { blobs: [file?.content?.[0]?.slice(0, 8) ?? ''], trees: [root, folder?.subtree?.slice(0, 10) ?? ''] };
    await findObjects({ source: trees, root, onUnreadable: () => assert.fail() }, query, (object) => found.push(object));
    assert.deepEqual(
      found.map(({ kind, path }) => `${kind} ${path}`),
      ['tree /', 'blob /etc/app.yml', 'tree /etc/deep'],
    );
    assert.equal(found[1]?.parentTree, (await findNode(trees, root, '/etc')).node?.subtree);
  });

  test('reports a directory that cannot be read and goes on', async () => {
    const trees = new MemoryTrees();
    const root = trees.store(sketch);
    trees.forget((await findNode(trees, root, '/etc')).node?.subtree ?? root);
    const unreadable: string[] = [];
    const paths: string[] = [];
    const scope = { source: trees, root, onUnreadable: (_tree: unknown, path: string) => unreadable.push(path) };
    await findEntries(scope, { patterns: compilePatterns(['new']) }, ({ path }) => paths.push(path));
    assert.deepEqual([unreadable, paths], [['/etc'], ['/new']]);
  });
});
