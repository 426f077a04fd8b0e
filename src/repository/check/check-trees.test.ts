import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check, emptyRepository, kindsOf, missingId, plantTree, rowsOf } from '../../../test/support/planted-check.ts';
import { directoryNode, fileNode } from '../../../test/support/planted-repository.ts';
import type { TreeNode } from '../../format/node.ts';

describe('checkRepository on trees', () => {
  const file = fileNode('f', [], 0);
  const { subtree: _subtree, ...treeless } = directoryNode('d', missingId);
  const errors: Record<string, { nodes: TreeNode[]; message: RegExp }> = {
    'a file without a list of content': { nodes: [{ ...file, content: null }], message: /'f' .* without a list of content/ },
    'a directory without a tree': { nodes: [treeless], message: /'d' .* directory without a tree/ },
    'a node without a type': { nodes: [{ ...file, type: '' }], message: /invalid type/ },
    'a name that is there twice': { nodes: [file, file], message: /twice/ },
    'a link with content': {
      nodes: [{ ...file, type: 'symlink', linkTarget: 'x', content: [missingId] }],
      message: /symlink that has content/,
    },
    'a file with a tree': { nodes: [{ ...file, subtree: missingId }], message: /file that has a tree/ },
  };
  for (const [what, { nodes, message }] of Object.entries(errors)) {
    it(`finds ${what}`, async () => {
      const report = await check(await plantTree(nodes));
      assert.deepEqual(kindsOf(report), ['node']);
      assert.match(report.errors[0]?.message ?? '', message);
      assert.match(report.errors[0]?.message ?? '', /in snapshot/);
    });
  }

  it('warns when names are not in order, and when a size is not that of the content', async () => {
    const planted = await plantTree([fileNode('b', [], 7), fileNode('a', [], 0)]);
    const report = await check(planted);
    assert.equal(report.errorCount, 0);
    assert.deepEqual(rowsOf(report.warnings, 'path'), ['node /a', 'node /b']);
  });

  it('names the path of a tree that cannot be decoded, and checks the others', async () => {
    const planted = await emptyRepository();
    const bad = planted.blob('tree', '{"nodes":[{"name":"../x","type":"file","content":[]}]}');
    const other = planted.tree([fileNode('lost', [missingId], 1)]);
    const middle = planted.tree([directoryNode('bad', bad.id), directoryNode('other', other.id)]);
    const root = planted.tree([directoryNode('middle', middle.id)]);
    await planted.index([await planted.pack([bad, other, middle, root])]);
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.deepEqual(rowsOf(report.errors, 'path'), ['node /middle/other/lost', 'tree /middle/bad']);
  });

  it('reads a tree once however many folders and snapshots have it', async () => {
    const planted = await emptyRepository();
    const shared = planted.tree([fileNode('lost', [missingId], 1)]);
    const root = planted.tree(['a', 'b', 'c'].map((name) => directoryNode(name, shared.id)));
    await planted.index([await planted.pack([shared, root])]);
    await planted.snapshot(root.id);
    await planted.snapshot(shared.id);
    const report = await check(planted);
    assert.deepEqual([report.treeCount, report.snapshotCount, report.errorCount], [2, 2, 1]);
  });

  it('does not loop when trees refer to themselves through a forged index', async () => {
    const planted = await emptyRepository();
    const root = planted.tree([directoryNode('self', missingId)]);
    const forged = { ...root, id: missingId };
    const pack = await planted.pack([root, forged]);
    await planted.index([pack]);
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.deepEqual([...new Set(kindsOf(report))].sort(), ['blob', 'tree']);
  });
});
