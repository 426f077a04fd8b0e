import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../base/errors.ts';
import type { BlobId } from '../base/ids.ts';
import { blobIds } from '../../test/support/arbitrary-nodes.ts';
import {
  decodeHeader,
  encodeHeaderEntries,
  encodeHeaderLength,
  maxHeaderEntries,
  maxSealedHeaderBytes,
  minPackBytes,
  type PackedBlob,
  packOverheadBytes,
  readHeaderLength,
} from './pack-header.ts';

const isDamaged = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'damaged';
const uint32 = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const blob: fc.Arbitrary<PackedBlob> = fc.oneof(
  fc.record({ id: blobIds, type: fc.constantFrom('data', 'tree'), length: uint32 }),
  fc.record({ id: blobIds, type: fc.constantFrom('data', 'tree'), length: uint32, uncompressedLength: uint32 }),
);

test('a header lists its blobs with the offsets at which they follow each other', () => {
  fc.assert(
    fc.property(fc.array(blob), (blobs) => {
      const header = encodeHeaderEntries(blobs);
      assert.equal(header.length + 36, packOverheadBytes(blobs));
      let offset = 0;
      const located = blobs.map((entry) => {
        offset += entry.length;
        return { ...entry, offset: offset - entry.length };
      });
      assert.deepEqual(decodeHeader(header), located);
      assert.deepEqual(encodeHeaderEntries(decodeHeader(header)), header);
    }),
  );
});

test('entries have the bytes that the format document describes', () => {
  const id = 'ab'.repeat(32) as BlobId;
  const entries = [
    { id, type: 'data', length: 1 },
    { id, type: 'tree', length: 2 },
    { id, type: 'data', length: 3, uncompressedLength: 4 },
    { id, type: 'tree', length: 5, uncompressedLength: 6 },
  ] as const;
  const expected = `0001000000${id}0102000000${id}020300000004000000${id}030500000006000000${id}`;
  assert.equal(encodeHeaderEntries(entries).toString('hex'), expected);
});

test('a header of another length, or with an unknown kind, is damaged', () => {
  const header = encodeHeaderEntries([{ id: 'ab'.repeat(32) as BlobId, type: 'data', length: 1, uncompressedLength: 2 }]);
  for (let length = 1; length < header.length; length++) assert.throws(() => decodeHeader(header.subarray(0, length)), isDamaged);
  header[0] = 4;
  assert.throws(() => decodeHeader(header), isDamaged);
});

test('the length of a header is bounded by its pack and by the format', () => {
  const tail = (length: number): Buffer => Buffer.concat([Buffer.alloc(10), encodeHeaderLength(length)]);
  assert.equal(readHeaderLength(tail(69), minPackBytes), 69);
  assert.equal(readHeaderLength(tail(maxSealedHeaderBytes), 2 ** 40), maxSealedHeaderBytes);
  for (const [length, pack] of [
    [0, 1000],
    [32, 1000],
    [997, 1000],
    [2 ** 32 - 1, 2 ** 40],
    [maxSealedHeaderBytes + 1, 2 ** 40],
    [69, minPackBytes - 1],
  ] as const) {
    assert.throws(() => readHeaderLength(tail(length), pack), isDamaged);
  }
  assert.throws(() => readHeaderLength(Buffer.alloc(3), 1000), isDamaged);
});

test('more blobs than readers accept are refused before the pack is written', () => {
  const blobs = new Array<PackedBlob>(maxHeaderEntries + 1).fill({ id: 'ab'.repeat(32) as BlobId, type: 'data', length: 1 });
  assert.throws(
    () => encodeHeaderEntries(blobs),
    (error) => error instanceof HoldfastError && error.code === 'internal',
  );
  assert.equal(encodeHeaderEntries(blobs.slice(1)).length, maxHeaderEntries * 37);
});
