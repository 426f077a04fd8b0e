import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { firstBatch, NeedMarks, presentMark } from '../../workers/copy/need-marks.ts';
import { dataBlob, IndexTable } from '../../workers/index-table.ts';
import { TransferOrder } from './transfer-order.ts';

const batchCount = 3;

interface Planted {
  /** Number of blobs that lie between this one and the front of its pack, in the order in which the index lists them. */
  readonly pack: number;
  readonly length: number;
  /** 0 for a blob that nobody needs. */
  readonly mark: number;
}

const planted = fc.array(
  fc.record({
    pack: fc.nat(4),
    length: fc.oneof(fc.integer({ min: 32, max: 5000 }), fc.integer({ min: 1 << 20, max: 6 << 20 })),
    mark: fc.constantFrom(0, presentMark, firstBatch, firstBatch + 1, firstBatch + 2),
  }),
  { maxLength: 200 },
);

/** An index whose entries come pack by pack in any order, as several threads load it. */
function build(blobs: readonly Planted[]): { index: IndexTable; marks: NeedMarks; order: TransferOrder } {
  const index = IndexTable.create(100);
  for (let pack = 0; pack < 5; pack++) index.addPack(digest(`pack ${pack}`));
  const ends = new Array<number>(5).fill(0);
  const places = blobs.map(({ pack, length }) => {
    const offset = ends[pack] ?? 0;
    ends[pack] = offset + length;
    return offset;
  });
  const marks = new NeedMarks(NeedMarks.memoryFor(blobs.length));
  const order = blobs.map((_blob, at) => at).reverse();
  for (const at of order) {
    const { pack = 0, length = 0, mark = 0 } = blobs[at] ?? {};
    marks.set(index.insert(digest(`blob ${at}`), dataBlob, pack, places[at] ?? 0, length, 0), mark);
  }
  const count = blobs.filter(({ mark }) => mark >= firstBatch).length;
  return { index, marks, order: new TransferOrder(index, marks, count, batchCount) };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

describe('the order in which blobs travel', () => {
  it('has each blob that is needed once, in its batch, pack by pack and front to back', () => {
    fc.assert(
      fc.property(planted, (blobs) => {
        const { index, marks, order } = build(blobs);
        const seen = new Set<number>();
        for (let batch = firstBatch; batch < firstBatch + batchCount; batch++) {
          const packs: number[] = [];
          let last = -1;
          for (const span of order.spans(batch)) {
            for (const entry of span) {
              assert.equal(marks.get(entry), batch);
              assert.ok(!seen.has(entry));
              seen.add(entry);
              const pack = index.packOf(entry);
              if (packs.at(-1) !== pack) {
                assert.ok(!packs.includes(pack), 'a pack is begun twice');
                packs.push(pack);
                last = -1;
              }
              assert.ok(index.offsetOf(entry) > last);
              last = index.offsetOf(entry);
            }
          }
        }
        assert.equal(seen.size, blobs.filter(({ mark }) => mark >= firstBatch).length);
      }),
    );
  });

  it('comes in spans of one pack, of 8 MiB at most unless one blob alone is larger, without large gaps where those are not wanted', () => {
    const maxGapBytes = 1000;
    fc.assert(
      fc.property(planted, (blobs) => {
        const { index, order } = build(blobs);
        for (const span of order.spans(firstBatch, { maxBytes: 8 << 20, maxGapBytes })) {
          assert.equal(new Set(Array.from(span, (entry) => index.packOf(entry))).size, 1);
          const [first = 0, last = 0] = [span[0], span.at(-1)];
          const bytes = index.offsetOf(last) + index.lengthOf(last) - index.offsetOf(first);
          assert.ok(bytes <= 8 << 20 || span.length === 1);
          span.forEach((entry, at) => {
            const before = span[at - 1];
            if (before !== undefined) assert.ok(index.offsetOf(entry) - index.offsetOf(before) - index.lengthOf(before) <= maxGapBytes);
          });
        }
      }),
    );
  });
});
