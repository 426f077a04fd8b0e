import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../base/errors.ts';
import { blobIds, nodeFields } from '../../test/support/arbitrary-nodes.ts';
import { compareNames } from './go-quote.ts';
import { encodeContent, encodeNodeFields, type NodeFields } from './node-encoder.ts';
import { type ParentEntry, parentEntries } from './parent-entries.ts';
import { decodeTree, encodeTree } from './tree.ts';

/** What decoding in full says of the same tree. */
function entriesByDecoding(tree: Buffer): [string, ParentEntry][] {
  return decodeTree(tree).map(({ name, type, mtime, ctime, inode = 0, size = 0, content, subtree }) => {
    return [name, { type, mtime, ctime, inode, size, content: encodeContent(content), subtree }];
  });
}

for (const name of ['tree-unusual-names.json', 'tree-directory-berlin.json']) {
  test(`${name} has the same entries as when decoded in full`, () => {
    const tree = readFileSync(new URL(`fixtures/${name}`, import.meta.url));
    assert.deepEqual([...parentEntries(tree)], entriesByDecoding(tree));
  });
}

const plainFields: fc.Arbitrary<NodeFields> = fc
  .tuple(nodeFields, fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/), fc.nat())
  .map(([fields, name, size]) => ({ ...fields, nameQuoted: name as NodeFields['nameQuoted'], inode: size + 1, size, user: 'root' }));

test('the quick way and full decoding agree on any tree', () => {
  const nodes = fc.array(
    fc.tuple(fc.oneof(nodeFields, plainFields), fc.option(fc.array(blobIds), { nil: null }), fc.option(blobIds, { nil: undefined })),
  );
  fc.assert(
    fc.property(nodes, (list) => {
      const unique = new Map(list.map((item) => [item[0].nameQuoted, item]));
      const sorted = [...unique.values()].sort(([a], [b]) => compareNames(a.nameQuoted, b.nameQuoted));
      const tree = encodeTree(sorted.map(([fields, ids, subtree]) => encodeNodeFields(fields, encodeContent(ids), subtree)));
      assert.deepEqual([...parentEntries(tree)], entriesByDecoding(tree));
    }),
  );
});

test('a tree in another order of keys is read as well', () => {
  const tree = Buffer.from('{"x":1,"nodes":[{"type":"file","size":5,"name":"a","content":[]}]}');
  assert.equal(parentEntries(tree).get('a' as NodeFields['nameQuoted'])?.size, 5);
});

test('a tree that leads out of its directory is damaged', () => {
  const tree = readFileSync(new URL('fixtures/tree-directory-berlin.json', import.meta.url), 'latin1').replace('"name":"x"', '"name":".."');
  assert.throws(
    () => parentEntries(Buffer.from(tree)),
    (error) => error instanceof HoldfastError && error.code === 'damaged',
  );
});
