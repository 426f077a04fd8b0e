import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../base/errors.ts';
import { encodeNode } from './node-encoder.ts';
import { decodeTree, encodeTree, findDisorder } from './tree.ts';

const fixture = (name: string): Buffer => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
const isDamaged = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'damaged';
const times = '"mtime":"2024-01-01T00:00:00Z","atime":"2024-01-01T00:00:00Z","ctime":"2024-01-01T00:00:00Z"';
const node = (fields: string): string => `{"nodes":[{"name":"n","type":"file",${times},"uid":0,"gid":0,${fields}"content":null}]}`;
const decode = (text: string): ReturnType<typeof decodeTree> => decodeTree(Buffer.from(text));

for (const name of ['tree-unusual-names.json', 'tree-directory-berlin.json']) {
  test(`${name} of restic 0.19.1 comes out of decoding and encoding unchanged`, () => {
    const tree = fixture(name);
    const nodes = decodeTree(tree);
    assert.equal(encodeTree(nodes.map(encodeNode)).toString(), tree.toString());
    assert.equal(findDisorder(nodes), -1);
  });
}

test('a link to bytes that are no text keeps them', () => {
  const link = decodeTree(fixture('tree-unusual-names.json')).find(({ name }) => name === 'link2');
  assert.deepEqual(link?.linkTargetRaw, Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from('/raw"\\')]));
});

test('an empty tree is what restic writes for an empty directory', () => {
  assert.equal(encodeTree([]).toString(), '{"nodes":[]}\n');
  assert.deepEqual(decode('{"nodes":[]}\n'), []);
});

test('keys that are not known are passed over', () => {
  assert.equal(decode(`{"before":{"nodes":1},${node('"new":[{}],').slice(1, -1)},"after":[]}`).length, 1);
});

test('integers beyond 2^53 keep every digit', () => {
  const text = `${node('"inode":18446744073709551615,"device_id":9007199254740993,"size":9007199254740991,')}\n`;
  const [first] = decode(text);
  assert.equal(first?.inode, 18_446_744_073_709_551_615n);
  assert.equal(first?.deviceId, 9_007_199_254_740_993n);
  assert.equal(first?.size, 9_007_199_254_740_991);
  assert.equal(encodeTree(first === undefined ? [] : [encodeNode(first)]).toString(), text);
});

test('null and absence are the same, as for Go', () => {
  const [first] = decode('{"nodes":[{"name":"n","type":"dir","user":null,"subtree":null,"size":null}]}');
  assert.deepEqual(
    { ...first },
    {
      name: 'n',
      type: 'dir',
      mtime: '0001-01-01T00:00:00Z',
      atime: '0001-01-01T00:00:00Z',
      ctime: '0001-01-01T00:00:00Z',
      uid: 0,
      gid: 0,
      content: null,
    },
  );
});

test('generic attributes of Windows are kept, sorted', () => {
  const generic = '"generic_attributes":{"windows.file_attributes":32,"windows.creation_time":"AQID","__proto__":{"polluted":true}},';
  const [first] = decode(node(generic));
  assert.ok(first !== undefined);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  const sorted = '"generic_attributes":{"__proto__":{"polluted":true},"windows.creation_time":"AQID","windows.file_attributes":32}';
  assert.ok(encodeNode(first).includes(sorted));
});

for (const name of ['', '.', '..', 'a/b', '/', '\\x00', 'a\\x00b', '\\x2e', '\\x2f', 'a\\u002fb', '\\q', 'a\\"b/']) {
  test(`a node with the quoted name ${JSON.stringify(name)} is damaged`, () => {
    assert.throws(() => decode(`{"nodes":[{"name":${JSON.stringify(name)},"type":"file"}]}`), isDamaged);
  });
}

const badTrees = {
  'no JSON': '{"nodes":[',
  'no object': '[]',
  'no nodes': '{"tree":[]}',
  'nodes that are no list': '{"nodes":{}}',
  'a node that is no object': '{"nodes":[1]}',
  'an unknown type': '{"nodes":[{"name":"n","type":"door"}]}',
  'a type that is no text': '{"nodes":[{"name":"n","type":["file"]}]}',
  'a negative size': node('"size":-1,'),
  'a size that is no integer': node('"size":1.5,'),
  'a size of 65 bits': node('"size":18446744073709551616,'),
  'a size with an exponent': node('"size":1e18,'),
  'a uid of 33 bits': '{"nodes":[{"name":"n","type":"file","uid":4294967296}]}',
  'a mode that is text': node('"mode":"420",'),
  'a time without zone': '{"nodes":[{"name":"n","type":"file","mtime":"2024-01-01T00:00:00"}]}',
  'a short subtree': node('"subtree":"abcd",'),
  'content that is no list': '{"nodes":[{"name":"n","type":"file","content":{}}]}',
  'an id in capitals': `{"nodes":[{"name":"n","type":"file","content":["${'A'.repeat(64)}"]}]}`,
  'a raw target that is no base64': node('"linktarget_raw":"a",'),
  'an attribute that is no object': node('"extended_attributes":["x"],'),
  'attributes nested too deeply': node(`"generic_attributes":{"a":${'['.repeat(50)}${']'.repeat(50)}},`),
};
for (const [what, text] of Object.entries(badTrees)) {
  test(`a tree with ${what} is damaged`, () => assert.throws(() => decode(text), isDamaged));
}

test('a document that is nested a million times neither hangs nor crashes', () => {
  const deep = `{"x":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)},"nodes":[]}`;
  assert.deepEqual(decode(deep), []);
  assert.throws(() => decode(deep.replace('"nodes":[]', '"nodes":[{"name":"n","type":"file","size":18446744073709551615}]')), isDamaged);
});

test('disorder and doubles are found', () => {
  const tree = (...names: string[]): ReturnType<typeof decodeTree> =>
    decode(`{"nodes":[${names.map((name) => `{"name":${JSON.stringify(name)},"type":"file"}`).join(',')}]}`);
  assert.equal(findDisorder(tree('a', 'b', 'c')), -1);
  assert.equal(findDisorder(tree('a', 'c', 'b')), 2);
  assert.equal(findDisorder(tree('a', 'a')), 1);
  // U+FF21 comes before U+1F600 by bytes, and behind it by UTF-16 units.
  assert.equal(findDisorder(tree('\uff21', '\u{1f600}')), -1);
});

test('a tree too large for one text is put together from parts', () => {
  const big = `{"name":"${'x'.repeat(40 * 1024 * 1024)}"}`;
  const tree = encodeTree([big, big]);
  assert.equal(tree.length, 2 * big.length + '{"nodes":[,]}\n'.length);
  assert.equal(tree.toString('latin1', 10 + big.length, 12 + big.length), ',{');
});

test('decoding any text ends in nodes or in damaged', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        assert.ok(Array.isArray(decode(`{"nodes":[${text}]}`)));
      } catch (error) {
        assert.ok(isDamaged(error));
      }
    }),
  );
});
