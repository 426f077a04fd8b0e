import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decidePacks, type PackFacts, type PruneLimits } from './decide.ts';
import { addTo, PruneSums } from './statistics.ts';

const mib = 1 << 20;
const noLimits: PruneLimits = {
  maxUnusedBytes: () => 0,
  maxRepackBytes: Number.POSITIVE_INFINITY,
  smallPackBytes: undefined,
  repackCacheableOnly: false,
  repackUncompressed: false,
};

function pack(number: number, facts: Partial<PackFacts>): PackFacts {
  const usual = { usedBlobs: 1, unusedBlobs: 0, usedBytes: 16 * mib, unusedBytes: 0, type: 'data', hasUncompressed: false } as const;
  return { pack: number, ...usual, ...facts };
}

function decide(packs: readonly PackFacts[], limits: Partial<PruneLimits> = {}, version = 2) {
  const sums = new PruneSums();
  for (const { usedBlobs, unusedBlobs, usedBytes, unusedBytes } of packs) {
    addTo(sums.used, usedBlobs, usedBytes);
    addTo(sums.unused, unusedBlobs, unusedBytes);
  }
  const { remove, repack } = decidePacks(packs, { ...noLimits, ...limits }, sums, version);
  return { remove, repack: repack.map((decision) => decision.pack), decisions: repack, statistics: sums.statistics() };
}

const partly = { unusedBlobs: 1, usedBytes: 8 * mib, unusedBytes: 8 * mib };
const small = { usedBytes: mib };

describe('decidePacks', () => {
  it('removes what nobody needs, repacks what is partly needed, keeps the rest', () => {
    const packs = [pack(0, {}), pack(1, partly), pack(2, { usedBlobs: 0, unusedBlobs: 3, usedBytes: 100, unusedBytes: mib })];
    const { remove, repack, statistics } = decide(packs);
    assert.deepEqual([remove, repack], [[2], [1]]);
    assert.deepEqual(statistics.packs, {
      used: 1,
      unused: 1,
      partlyUsed: 1,
      unreferenced: 0,
      keep: 1,
      repack: 1,
      remove: 1,
      total: 3,
      removeTotal: 1,
    });
    assert.equal(statistics.bytes.remainUnused, 0);
  });

  it('tolerates so much that is unused, and repacks first where most is gained', () => {
    const packs = [
      pack(0, partly),
      pack(1, { ...partly, usedBytes: 15 * mib, unusedBytes: mib }),
      pack(2, { ...partly, usedBytes: mib, unusedBytes: 15 * mib }),
    ];
    assert.deepEqual(decide(packs, { maxUnusedBytes: () => 2 * mib }).repack, [2, 0]);
    assert.deepEqual(decide(packs, { maxUnusedBytes: () => 10 * mib }).repack, [2]);
    assert.deepEqual(decide(packs, { maxUnusedBytes: () => Number.POSITIVE_INFINITY }).repack, []);
  });

  it('repacks trees and mixed packs whatever may stay unused', () => {
    const packs = [pack(0, { ...partly, type: 'tree' }), pack(1, { type: 'mixed' }), pack(2, partly)];
    assert.deepEqual(decide(packs, { maxUnusedBytes: () => Number.POSITIVE_INFINITY }).repack, [0, 1]);
  });

  it('stops before it has read more than it may', () => {
    const packs = [pack(0, partly), pack(1, partly), pack(2, partly)];
    assert.equal(decide(packs, { maxRepackBytes: 40 * mib }).repack.length, 2);
    assert.equal(decide(packs, { maxRepackBytes: 0 }).repack.length, 0);
  });

  it('puts ten small packs together, and leaves nine', () => {
    const packs = Array.from({ length: 10 }, (_, number) => pack(number, small));
    assert.equal(decide(packs).repack.length, 10);
    assert.deepEqual(decide(packs.slice(1)).repack, []);
    assert.equal(decide(packs.slice(1)).statistics.packs.keep, 9);
  });

  it('takes for small what is asked for', () => {
    const packs = Array.from({ length: 12 }, (_, number) => pack(number, { usedBytes: 6 * mib }));
    assert.equal(decide(packs).repack.length, 0);
    assert.equal(decide(packs, { smallPackBytes: 7 * mib }).repack.length, 12);
  });

  it('leaves data packs alone when only trees are to be repacked, but removes those that nobody needs', () => {
    const packs = [pack(0, partly), pack(1, { ...partly, type: 'tree' }), pack(2, { usedBlobs: 0, unusedBlobs: 1 })];
    const { remove, repack } = decide(packs, { repackCacheableOnly: true });
    assert.deepEqual([remove, repack], [[2], [1]]);
  });

  it('compresses trees always, data when told, and nothing in format version 1', () => {
    const packs = [pack(0, { hasUncompressed: true }), pack(1, { hasUncompressed: true, type: 'tree' })];
    assert.deepEqual(decide(packs).decisions, [{ pack: 1, mustCompress: true, usedBytes: 16 * mib }]);
    assert.equal(decide(packs).statistics.bytes.uncompressed, 16 * mib);
    assert.deepEqual(decide(packs, { repackUncompressed: true }).repack, [1, 0]);
    assert.equal(decide(packs, { repackUncompressed: true }).statistics.bytes.uncompressed, 0);
    assert.deepEqual(decide(packs, {}, 1).repack, []);
    assert.equal(decide(packs, {}, 1).statistics.bytes.uncompressed, 0);
  });

  it('never removes a pack with a needed blob, decides each pack once, and keeps its sums', () => {
    const facts = fc.record({
      usedBlobs: fc.nat(3),
      unusedBlobs: fc.nat(3),
      size: fc.integer({ min: 1, max: 20 * mib }),
      type: fc.constantFrom('data' as const, 'tree' as const, 'mixed' as const),
      hasUncompressed: fc.boolean(),
    });
    const limits = fc.record({
      unused: fc.nat(100 * mib),
      repack: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(100 * mib)),
      cacheable: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(facts, { maxLength: 40 }), limits, (list, { unused, repack: maxRepackBytes, cacheable }) => {
        const packs = list
          .filter(({ usedBlobs, unusedBlobs }) => usedBlobs + unusedBlobs > 0)
          .map(({ size, ...rest }, number) => {
            const unusedBytes = Math.floor((size * rest.unusedBlobs) / (rest.usedBlobs + rest.unusedBlobs));
            return pack(number, { ...rest, unusedBytes, usedBytes: size - unusedBytes });
          });
        const { remove, repack, statistics } = decide(packs, {
          maxUnusedBytes: () => unused,
          maxRepackBytes,
          repackCacheableOnly: cacheable,
        });
        assert.ok(remove.every((number) => packs[number]?.usedBlobs === 0));
        assert.equal(remove.length, packs.filter(({ usedBlobs }) => usedBlobs === 0).length);
        assert.equal(new Set([...remove, ...repack]).size, remove.length + repack.length);
        assert.equal(statistics.packs.keep + remove.length + repack.length, packs.length);
        assert.equal(statistics.blobs.remain, statistics.blobs.total - statistics.blobs.removeTotal);
        assert.ok(statistics.bytes.remainUnused >= 0 && (maxRepackBytes > 0 || repack.length === 0));
        if (maxRepackBytes === Number.POSITIVE_INFINITY && !cacheable) assert.ok(statistics.bytes.remainUnused <= unused);
      }),
    );
  });
});
