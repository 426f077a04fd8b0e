import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { PlantedRepository } from '../../../test/support/planted-repository.ts';
import { systemRandomness } from '../../base/clock.ts';
import { idToBytes } from '../../base/ids.ts';
import { Sealer } from '../../crypto/sealer.ts';
import type { IndexedPack } from '../../format/index-file.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { IndexTable } from '../index-table.ts';
import { PackCheck } from './pack-check.ts';
import { PackGroups } from './pack-groups.ts';
import { runAll } from './pack-job.ts';
import { PackStream, type PieceReader } from './pack-stream.ts';
import type { CheckProblem } from './problem.ts';

describe('PackCheck', () => {
  let bytes: Buffer;
  let pack: IndexedPack;
  let check: (bytes: Uint8Array) => CheckProblem[];

  before(async () => {
    const planted = new PlantedRepository(new MemoryBackend());
    const contents = [Buffer.from('text '.repeat(5000)), randomBytes(3000), Buffer.alloc(0), randomBytes(2_500_000)];
    pack = await planted.pack(contents.map((content) => planted.blob('data', content)));
    bytes = await planted.backend.load({ kind: 'pack', name: pack.id });
    const packCheck = new PackCheck(groupsOf(pack), new Sealer(planted.key, systemRandomness));
    check = (stored) => runAll(packCheck.run({ group: 0, sizeBytes: stored.length, read: readerOf(stored) }));
  });

  it('finds nothing wrong with a pack that is right, however it arrives', () => {
    assert.deepEqual(check(bytes), []);
    assert.deepEqual(check(bytes), [], 'the bytes of the caller are not changed');
  });

  it('finds every flipped bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length * 8 - 1 }), (bit) => {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const problems = check(flipped);
        assert.ok(problems.some((problem) => problem.kind === 'pack-damaged'));
        assert.ok(problems.length >= 2, 'it also says which part is hit');
        assert.ok(problems.every((problem) => problem.severity === 'error' && problem.context['pack'] === pack.id));
      }),
      { numRuns: 60 },
    );
  });

  it('says which blob a flipped bit hit', () => {
    for (const blob of pack.blobs) {
      const flipped = Buffer.from(bytes);
      const at = blob.offset + (blob.length >> 1);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      assert.deepEqual(
        check(flipped).map((problem) => problem.context['blob']),
        [blob.id, undefined],
      );
    }
  });

  it('finds every truncation, every added byte, and bytes of somebody else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => {
        assert.ok(check(bytes.subarray(0, length)).length > 0);
      }),
      { numRuns: 30 },
    );
    assert.ok(check(Buffer.concat([bytes, Buffer.alloc(1)])).length > 0);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (garbage) => assert.ok(check(garbage).length > 0)));
  });

  it('passes on what reading throws', () => {
    const packCheck = new PackCheck(
      groupsOf(pack),
      new Sealer({ encrypt: Buffer.alloc(32, 1), macK: Buffer.alloc(16, 1), macR: Buffer.alloc(16, 1) }, systemRandomness),
    );
    const read = (): number => {
      throw new RangeError('broken disk');
    };
    assert.throws(() => runAll(packCheck.run({ group: 0, sizeBytes: 10, read })), RangeError);
  });
});

describe('PackStream', () => {
  it('gives the spans that were asked for and the hash of everything, in any pieces', () => {
    const source = randomBytes(4_000_000);
    const hash = createHash('sha256').update(source).digest('hex');
    const stream = new PackStream();
    const spans = fc.array(fc.tuple(fc.integer({ min: 0, max: 300_000 }), fc.integer({ min: 0, max: 1_800_000 })), { maxLength: 12 });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 700_000 }), (gapsAndLengths, maxPiece) => {
        stream.open(readerOf(source, maxPiece));
        let end = 0;
        for (const [gap, length] of gapsAndLengths) {
          const start = end + gap;
          end = start + length;
          const span = stream.take(start, length);
          if (end > source.length) assert.equal(span, undefined);
          else assert.ok(span?.equals(source.subarray(start, end)));
          if (end > source.length) break;
          // The caller may overwrite its span: what comes later must not be affected.
          span?.fill(0);
        }
        assert.deepEqual(stream.finish(), { sizeBytes: source.length, sha256: hash });
      }),
      { numRuns: 60 },
    );
  });
});

function readerOf(bytes: Uint8Array, maxPiece = Infinity): PieceReader {
  let at = 0;
  return (target) => {
    const piece = bytes.subarray(at, at + Math.min(target.length, maxPiece));
    target.set(piece);
    at += piece.length;
    return piece.length;
  };
}

function groupsOf({ id, blobs }: IndexedPack): PackGroups {
  const index = IndexTable.create(blobs.length);
  const number = index.addPack(Buffer.from(id, 'hex'));
  const order = new SharedArrayBuffer(blobs.length * 4);
  const groups = new SharedArrayBuffer(8);
  blobs.forEach((blob, at) => {
    const type = blob.type === 'data' ? 0 : 1;
    const entry = index.insert(idToBytes(blob.id), type, number, blob.offset, blob.length, blob.uncompressedLength ?? 0);
    new Uint32Array(order)[at] = entry;
  });
  new Uint32Array(groups)[1] = blobs.length;
  return new PackGroups(index, { order, groups });
}
