import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dataBlob, IndexTable } from '../workers/index-table.ts';
import { blobIsThere, blobWord, fileFlag, fileWord, RestorePlan } from '../workers/restore/plan/restore-plan.ts';
import { contentRuns, type RunLimits } from './content-order.ts';

const limits: RunLimits = { maxBytes: 1000, maxGapBytes: 100, maxWrittenBytes: 2000 };

interface Layout {
  readonly pack: number;
  readonly gap: number;
  readonly length: number;
}

/** An index of blobs that lie one behind the other in their packs, with gaps. */
function indexOf(layouts: readonly Layout[]): { readonly index: IndexTable; readonly entries: number[] } {
  const index = IndexTable.create(layouts.length);
  const ends = [0, 0, 0];
  const packs = ends.map((_, pack) => index.addPack(Buffer.alloc(32, pack)));
  const entries = layouts.map(({ pack, gap, length }, number) => {
    const offset = (ends[pack] ?? 0) + gap;
    ends[pack] = offset + length;
    return index.insert(createHash('sha256').update(`${number}`).digest(), dataBlob, packs[pack] ?? 0, offset, length, 0);
  });
  return { index, entries };
}

/** One file with these blobs. */
function planOf(entries: readonly number[], flags = 0): RestorePlan {
  const plan = RestorePlan.create();
  const file = plan.files.allocate(1);
  plan.files.set(file, fileWord.flags, flags);
  const first = plan.blobs.allocate(entries.length);
  entries.forEach((entry, position) => plan.blobs.set(first + position, blobWord.entry, entry));
  return plan;
}

const layouts = fc.array(
  fc.record({ pack: fc.nat(2), gap: fc.oneof(fc.constant(0), fc.nat(300)), length: fc.integer({ min: 40, max: 1500 }) }),
  {
    minLength: 1,
    maxLength: 60,
  },
);

describe('contentRuns', () => {
  it('has every blob of the plan once, in runs that hold it, those of the same content side by side', () => {
    fc.assert(
      fc.property(layouts, fc.array(fc.nat(), { maxLength: 200 }), (blobs, picks) => {
        const { index, entries } = indexOf(blobs);
        const plan = planOf(picks.map((pick) => entries[pick % entries.length] ?? 0));
        const seen: number[] = [];
        for (const run of contentRuns(plan, index, limits)) {
          const order = [...run.blobs].map((row) => plan.blobs.get(row, blobWord.entry));
          for (const entry of order) {
            assert.equal(index.packOf(entry), run.pack);
            assert.ok(index.offsetOf(entry) >= run.offset);
            assert.ok(index.offsetOf(entry) + index.lengthOf(entry) <= run.offset + run.length);
          }
          const changes = order.filter((entry, position) => position > 0 && entry !== order[position - 1]).length;
          assert.equal(changes + 1, new Set(order).size);
          assert.ok(run.length <= limits.maxBytes || new Set(order).size === 1);
          seen.push(...run.blobs);
        }
        assert.deepEqual(
          seen.toSorted((a, b) => a - b),
          [...picks.keys()],
        );
      }),
    );
  });

  it('reads along a small gap and begins anew behind a large one', () => {
    const { index, entries } = indexOf([
      { pack: 0, gap: 0, length: 50 },
      { pack: 0, gap: 100, length: 50 },
      { pack: 0, gap: 101, length: 50 },
    ]);
    const runs = [...contentRuns(planOf(entries), index, limits)];
    assert.deepEqual(
      runs.map(({ offset, length }) => [offset, length]),
      [
        [0, 200],
        [301, 50],
      ],
    );
  });

  it('goes through the packs in the order in which the files need them', () => {
    const { index, entries } = indexOf([0, 1, 2].map((pack) => ({ pack, gap: 0, length: 50 })));
    const runs = [...contentRuns(planOf([entries[2] ?? 0, entries[0] ?? 0, entries[2] ?? 0, entries[1] ?? 0]), index, limits)];
    assert.deepEqual(
      runs.map(({ pack }) => pack),
      [2, 0, 1],
    );
  });

  it('shares a blob that many places want out among several runs', () => {
    const { index, entries } = indexOf([{ pack: 0, gap: 0, length: 500 }]);
    const runs = [...contentRuns(planOf(new Array<number>(20).fill(entries[0] ?? 0)), index, limits)];
    assert.deepEqual(
      runs.map(({ blobs }) => blobs.length),
      [4, 4, 4, 4, 4],
    );
  });

  it('leaves out what is there already, and files that get no content', () => {
    const { index, entries } = indexOf([0, 1].map(() => ({ pack: 0, gap: 0, length: 50 })));
    const plan = planOf(entries);
    plan.blobs.set(0, blobWord.file, blobIsThere);
    assert.deepEqual(
      [...contentRuns(plan, index, limits)].map(({ blobs }) => [...blobs]),
      [[1]],
    );
    for (const flag of [fileFlag.failed, fileFlag.link, fileFlag.trusted])
      assert.deepEqual([...contentRuns(planOf(entries, flag), index, limits)], []);
  });
});
