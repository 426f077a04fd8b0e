import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { blobIds, nodeFields } from '../../test/support/arbitrary-nodes.ts';
import { ByteText } from './byte-text.ts';
import {
  contentIdAt,
  contentLength,
  emptyNodeFields,
  encodeContent,
  encodeNode,
  encodeNodeFields,
  writeNodeFields,
} from './node-encoder.ts';
import { decodeTree, encodeTree } from './tree.ts';

const content = fc.option(fc.array(blobIds, { maxLength: 4 }), { nil: null });

test('fields become the JSON that decoding and encoding gives again', () => {
  fc.assert(
    fc.property(nodeFields, content, fc.option(blobIds, { nil: undefined }), (fields, ids, subtree) => {
      const text = encodeNodeFields(fields, encodeContent(ids), subtree);
      const [node] = decodeTree(encodeTree([text]));
      assert.ok(node !== undefined);
      assert.equal(encodeNode(node), text);
      assert.equal(node.name, fields.nameQuoted);
      assert.deepEqual(node.content, ids);
      assert.equal(node.subtree, subtree);
      assert.equal(BigInt(node.inode ?? 0), BigInt(fields.inode));
    }),
  );
});

test('fields of zero and empty texts are left out, but uid and gid stay', () => {
  const fields = emptyNodeFields();
  const time = encodeNodeFields(fields, 'null').match(/"mtime":"([^"]+)"/)?.[1];
  const times = `"mtime":"${time}","atime":"${time}","ctime":"${time}"`;
  assert.equal(encodeNodeFields(fields, '[]'), `{"name":"","type":"file",${times},"uid":0,"gid":0,"content":[]}`);
});

test('attributes of no bytes differ from attributes that could not be read', () => {
  const fields = {
    ...emptyNodeFields(),
    xattrs: [
      { name: 'user.<a>', value: Buffer.alloc(0) },
      { name: Buffer.of(0x75, 0xff), value: null },
    ],
  };
  const expected = '"extended_attributes":[{"name":"user.\\u003ca\\u003e","value":""},{"name":"u\\ufffd","value":null}]';
  assert.ok(encodeNodeFields(fields, 'null').includes(expected));
});

test('an owner that changes is written anew', () => {
  const fields = emptyNodeFields();
  const ownerOf = (uid: number, user: string): string =>
    encodeNodeFields({ ...fields, uid, user }, 'null').match(/"uid".*(?=,"content")/)?.[0] ?? '';
  assert.equal(ownerOf(1, 'änne'), '"uid":1,"gid":0,"user":"änne"');
  assert.equal(ownerOf(1, 'b'), '"uid":1,"gid":0,"user":"b"');
  assert.equal(ownerOf(2, 'b'), '"uid":2,"gid":0,"user":"b"');
});

test('many nodes in one buffer are the same as one by one', () => {
  fc.assert(
    fc.property(fc.array(nodeFields, { maxLength: 5 }), (list) => {
      const out = new ByteText();
      for (const fields of list) writeNodeFields(out, fields, 'null');
      assert.equal(out.toText(0), list.map((fields) => encodeNodeFields(fields, 'null')).join(''));
    }),
  );
});

test('ids are taken from the text of a content', () => {
  fc.assert(
    fc.property(fc.array(blobIds, { maxLength: 5 }), (ids) => {
      const text = encodeContent(ids);
      assert.equal(contentLength(text), ids.length);
      assert.deepEqual(
        ids.map((_id, index) => contentIdAt(text, index)),
        ids,
      );
    }),
  );
  assert.equal(contentLength('null'), 0);
});
