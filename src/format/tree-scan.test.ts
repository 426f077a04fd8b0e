import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blobIds, nodeFields } from '../../test/support/arbitrary-nodes.ts';
import { type BlobId, idLengthBytes } from '../base/ids.ts';
import { encodeContent, encodeNodeFields } from './node-encoder.ts';
import type { TreeNode } from './node.ts';
import { decodeTree, encodeTree } from './tree.ts';
import { scanTree } from './tree-scan.ts';

type Seen = Pick<TreeNode, 'name' | 'type' | 'content' | 'subtree'> & { size: TreeNode['size'] };

function scanned(bytes: Uint8Array): Seen[] {
  const nodes: Seen[] = [];
  scanTree(bytes, ({ name, type, sizeBytes, content, subtree }) => {
    const ids = content === null ? null : Array.from({ length: content.length / idLengthBytes }, (_, at) => hexOf(content, at));
    nodes.push({ name, type, size: sizeBytes, content: ids, ...(subtree === undefined ? {} : { subtree: hexOf(subtree, 0) }) });
  });
  return nodes;
}

function hexOf(ids: Uint8Array, at: number): BlobId {
  return Buffer.from(ids.slice(at * idLengthBytes, (at + 1) * idLengthBytes)).toString('hex') as BlobId;
}

function decoded(bytes: Uint8Array): Seen[] {
  return decodeTree(bytes).map(({ name, type, size = 0, content, subtree }) => ({
    name,
    type,
    size,
    content,
    ...(subtree === undefined ? {} : { subtree }),
  }));
}

const content = fc.option(fc.array(blobIds, { maxLength: 70 }), { nil: null });
const nodeTexts = fc
  .tuple(nodeFields, content, fc.option(blobIds, { nil: undefined }))
  .map(([fields, ids, subtree]) => encodeNodeFields(fields, encodeContent(ids), subtree));
const trees = fc.array(nodeTexts, { maxLength: 5 }).map(encodeTree);
const usual =
  '{"name":"a b","type":"file","mode":420,"mtime":"2026-11-21T10:00:00.123456789+01:00","atime":"2026-11-21T10:00:00Z","ctime":"2026-11-21T10:00:00Z","uid":0,"gid":0,"user":"root","group":"root","inode":12,"device_id":3,"size":7,"links":1,"content":["' +
  `${'ab'.repeat(32)}"]}`;

describe('scanTree', () => {
  it('sees what decodeTree sees, in any tree', () => {
    fc.assert(fc.property(trees, (bytes) => assert.deepEqual(scanned(bytes), decoded(bytes))));
  });

  it('accepts no damaged tree that decodeTree refuses, and sees the same in those that it accepts', () => {
    const damagedTrees = fc.tuple(fc.oneof(trees, fc.constant(encodeTree([usual, usual]))), fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(damagedTrees, ([tree, place, byte]) => {
        const bytes = Buffer.from(tree);
        bytes[place % bytes.length] = byte;
        assert.deepEqual(
          outcome(() => scanned(bytes)),
          outcome(() => decoded(bytes)),
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('refuses each field of a usual node that decodeTree refuses', () => {
    const wrong = [
      ['"a b"', '".."'],
      ['"a b"', '""'],
      ['"a b"', '"a/b"'],
      ['420', '4294967296'],
      ['420', '0420'],
      ['420', '-1'],
      ['11-21T10', '13-21T10'],
      ['T10:00:00.', 'T25:00:00.'],
      ['"gid":0', '"gid":4294967296'],
      ['"size":7', '"size":-7'],
      ['"size":7', '"size":7.5'],
      ['abab', 'ABab'],
    ] as const;
    for (const [text, other] of wrong) {
      const bytes = encodeTree([usual.replace(text, other)]);
      assert.throws(() => scanned(bytes), { code: 'damaged' }, other);
      assert.throws(() => decoded(bytes), { code: 'damaged' }, other);
    }
    assert.deepEqual(scanned(encodeTree([usual])), decoded(encodeTree([usual])));
  });

  it('refuses two lists of nodes, none, and what follows the end', () => {
    for (const text of ['{}', '{"nodes":[],"nodes":[]}', '{"nodes":[]}x', '{"nodes":[}', '']) {
      assert.throws(() => scanned(Buffer.from(text)), { code: 'damaged' }, text);
    }
  });
});

/** Keys that are there twice are the one thing in which the two may differ: no writer makes them, and no damage of one byte does. */
function outcome(read: () => Seen[]): Seen[] | 'refused' {
  try {
    return read();
  } catch {
    return 'refused';
  }
}
