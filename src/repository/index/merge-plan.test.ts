import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { maxHeaderEntries } from '../../format/pack-header.ts';
import { blobCountOf, type UnfinishedPack, wordsPerBlob } from '../../workers/archive/messages.ts';
import { dataBlob, treeBlob } from '../../workers/index-table.ts';
import { groupUnfinished } from './merge-plan.ts';

const packSizeBytes = 1000;

function unfinished(sizeBytes: number, blobCount = 1, type: UnfinishedPack['type'] = dataBlob): UnfinishedPack {
  return { type, stagedPath: `staged-${sizeBytes}`, sizeBytes, blobs: new Uint32Array(blobCount * wordsPerBlob) };
}

const sizesOf = (groups: readonly (readonly UnfinishedPack[])[]): number[][] => groups.map((group) => group.map((pack) => pack.sizeBytes));

describe('groupUnfinished', () => {
  it('puts packs together as long as they fit in one', () => {
    const packs = [100, 600, 400, 300].map((size) => unfinished(size));
    assert.deepEqual(sizesOf(groupUnfinished(packs, dataBlob, packSizeBytes)), [
      [600, 400],
      [300, 100],
    ]);
  });

  it('keeps data and trees apart', () => {
    const packs = [unfinished(10), unfinished(20, 1, treeBlob)];
    assert.deepEqual(sizesOf(groupUnfinished(packs, dataBlob, packSizeBytes)), [[10]]);
    assert.deepEqual(sizesOf(groupUnfinished(packs, treeBlob, packSizeBytes)), [[20]]);
  });

  it('puts no more blobs into one pack than its header can list, however small they are', () => {
    const half = Math.ceil(maxHeaderEntries / 2);
    const packs = [unfinished(30, half), unfinished(20, half), unfinished(10, maxHeaderEntries - half)];
    assert.deepEqual(sizesOf(groupUnfinished(packs, dataBlob, packSizeBytes)), [[30, 10], [20]]);
  });

  it('loses no pack and makes none too large', () => {
    const pack = fc
      .tuple(fc.integer({ min: 1, max: packSizeBytes }), fc.integer({ min: 1, max: 40 }))
      .map(([size, count]) => unfinished(size, count));
    fc.assert(
      fc.property(fc.array(pack, { maxLength: 40 }), (packs) => {
        const groups = groupUnfinished(packs, dataBlob, packSizeBytes);
        assert.deepEqual(new Set(groups.flat()), new Set(packs));
        assert.equal(groups.flat().length, packs.length);
        for (const group of groups) assert.ok(group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) <= packSizeBytes);
        // Two that are at most half full would have been put together.
        const halfFull = groups.filter((group) => group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) <= packSizeBytes / 2);
        assert.ok(halfFull.length <= 1);
        assert.ok(groups.every((group) => group.every((member) => blobCountOf(member) > 0)));
      }),
    );
  });
});
