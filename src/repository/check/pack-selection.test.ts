import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Randomness, systemRandomness } from '../../base/clock.ts';
import type { StoredPack } from './check-packs.ts';
import { type PackSelection, selectPacks } from './pack-selection.ts';

const idOf = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const packsOf = fc
  .uniqueArray(fc.record({ id: idOf, sizeBytes: fc.integer({ min: 1, max: 1_000 }) }), { selector: ({ id }) => id, maxLength: 60 })
  .map((list) => list.map((pack, group): StoredPack => ({ ...pack, group })));

function select(packs: readonly StoredPack[], selection: PackSelection): readonly StoredPack[] {
  return selectPacks(packs, selection, systemRandomness);
}

function totalOf(packs: readonly StoredPack[]): number {
  return packs.reduce((sum, pack) => sum + pack.sizeBytes, 0);
}

function numbered(count: number, sizeBytes = 10): StoredPack[] {
  return Array.from({ length: count }, (_, n) => ({ group: n, id: n.toString(16).padStart(2, '0').padEnd(64, '0'), sizeBytes }));
}

describe('selectPacks', () => {
  it('takes a part by the first byte of the id, as restic does', () => {
    const packs = numbered(256);
    const firstBytes = (part: number, count: number) =>
      select(packs, { kind: 'part', part, count }).map(({ id }) => Number.parseInt(id.slice(0, 2), 16));
    assert.deepEqual(firstBytes(1, 128), [0, 128]);
    assert.deepEqual(firstBytes(3, 100), [2, 102, 202]);
    assert.deepEqual(firstBytes(256, 256), [255]);
  });

  it('the parts together are all packs, each once, whatever their number', () => {
    fc.assert(
      fc.property(packsOf, fc.integer({ min: 1, max: 256 }), (packs, count) => {
        const parts = Array.from({ length: count }, (_, n) => select(packs, { kind: 'part', part: n + 1, count })).flat();
        assert.deepEqual(parts.map(({ id }) => id).sort(), packs.map(({ id }) => id).sort());
      }),
    );
  });

  it('takes a percentage of the packs, and one at least', () => {
    fc.assert(
      fc.property(packsOf, fc.double({ min: 0.01, max: 100, noNaN: true }), (packs, percent) => {
        const taken = select(packs, { kind: 'percent', percent });
        assert.equal(new Set(taken).size, taken.length);
        assert.equal(taken.length, Math.min(packs.length, Math.max(1, Math.floor((packs.length * percent) / 100))));
      }),
    );
  });

  it('takes no more than a size of them, but one in any case, and all where they fit', () => {
    fc.assert(
      fc.property(packsOf, fc.integer({ min: 1, max: 20_000 }), fc.boolean(), (packs, sizeBytes, isOldest) => {
        const taken = select(packs, isOldest ? { kind: 'oldest', sizeBytes, provedMs: () => undefined } : { kind: 'size', sizeBytes });
        assert.equal(new Set(taken).size, taken.length);
        assert.ok(taken.length <= 1 || totalOf(taken) <= sizeBytes);
        assert.equal(taken.length > 0, packs.length > 0);
        if (totalOf(packs) <= sizeBytes) assert.equal(taken.length, packs.length);
      }),
    );
  });

  it('takes others at random each time: of a hundred runs no pack is left out, and none preferred by far', () => {
    const packs = numbered(20);
    for (const selection of [{ kind: 'percent', percent: 50 } as const, { kind: 'size', sizeBytes: 100 } as const]) {
      const counts = new Map<string, number>();
      for (let run = 0; run < 400; run++) for (const { id } of select(packs, selection)) counts.set(id, (counts.get(id) ?? 0) + 1);
      // 200 are to be expected, with a standard deviation of 10.
      for (const { id } of packs) assert.ok(Math.abs((counts.get(id) ?? 0) - 200) < 80, `${counts.get(id)} of 400`);
    }
  });

  it('takes the same packs for the same random numbers', () => {
    const zero: Randomness = { fill: (target) => target.fill(0) };
    const taken = selectPacks(numbered(4), { kind: 'size', sizeBytes: 20 }, zero);
    assert.deepEqual(
      taken.map(({ group }) => group),
      [1, 2],
    );
  });

  it('takes those first that were never proved, then the oldest', () => {
    const packs = numbered(5);
    const times = new Map([
      [packs[0]?.id, 300],
      [packs[1]?.id, 100],
      [packs[3]?.id, 200],
    ]);
    const groups = (sizeBytes: number) =>
      select(packs, { kind: 'oldest', sizeBytes, provedMs: (id) => times.get(id) }).map(({ group }) => group);
    assert.deepEqual(new Set(groups(20)), new Set([2, 4]));
    assert.deepEqual(groups(30).slice(2), [1]);
    assert.deepEqual(groups(50).slice(2), [1, 3, 0]);
  });

  it('the rotation comes round: after as many runs as it takes, every pack was proved, and none twice before', () => {
    fc.assert(
      fc.property(packsOf, fc.integer({ min: 1, max: 3_000 }), (packs, sizeBytes) => {
        const times = new Map<string, number>();
        for (let run = 1; times.size < packs.length; run++) {
          const taken = select(packs, { kind: 'oldest', sizeBytes, provedMs: (id) => times.get(id) });
          const news = taken.filter(({ id }) => !times.has(id));
          assert.ok(news.length > 0);
          assert.ok(news.length === taken.length || times.size + news.length === packs.length);
          for (const { id } of taken) times.set(id, run);
        }
      }),
    );
  });

  it('without a memory that lasts, the rotation reads others each time all the same', () => {
    const packs = numbered(20);
    const seen = new Set<string>();
    for (let run = 0; run < 200; run++) {
      for (const { id } of select(packs, { kind: 'oldest', sizeBytes: 20, provedMs: () => undefined })) seen.add(id);
    }
    assert.equal(seen.size, 20);
  });
});
