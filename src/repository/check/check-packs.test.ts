import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check, emptyRepository, kindsOf, missingId, plant } from '../../../test/support/planted-check.ts';
import { PlantedRepository, type SealedBlob, sha256 } from '../../../test/support/planted-repository.ts';
import type { PackId } from '../../base/ids.ts';
import type { IndexedPack } from '../../format/index-file.ts';
import { encodeHeaderEntries } from '../../format/pack-header.ts';
import { FaultyBackend } from '../../storage/wrappers/faulty-backend.ts';

describe('checkRepository on packs', () => {
  const cases: Record<string, { plant: (planted: PlantedRepository, blobs: SealedBlob[]) => Promise<IndexedPack>; message: RegExp }> = {
    'a header of other blobs': {
      plant: (planted, blobs) => planted.pack(blobs, { header: encodeHeaderEntries([{ id: missingId, type: 'data', length: 1000 }]) }),
      message: /lists 1 blobs where the index has 2/,
    },
    'a header that is no header': {
      plant: (planted, blobs) => planted.pack(blobs, { header: Buffer.alloc(77, 0xff) }),
      message: /entry of unknown kind/,
    },
    'an absurd length of the header': {
      plant: (planted, blobs) => planted.pack(blobs, { headerLengthField: 0xffff_fff0 }),
      message: /header larger than itself/,
    },
    'no length of the header': {
      plant: (planted, blobs) => planted.pack(blobs, { headerLengthField: 0 }),
      message: /empty header/,
    },
    'a header that would begin within the blobs': {
      plant: (planted, blobs) => planted.pack(blobs, { headerLengthField: 140 }),
      message: /before the last blob ends/,
    },
    'bytes that belong to nothing': {
      plant: (planted, blobs) => planted.pack(blobs, { gap: Buffer.alloc(1000) }),
      message: /1000 bytes before its header that belong to no blob/,
    },
    'more bytes that belong to nothing than a header can have': {
      plant: (planted, blobs) => planted.pack(blobs, { gap: Buffer.alloc(20 << 20) }),
      message: /bytes before its header that belong to no blob/,
    },
  };
  for (const [what, { plant: plantPack, message }] of Object.entries(cases)) {
    it(`finds ${what} although the pack has the right hash`, async () => {
      const planted = await emptyRepository();
      const pack = await plantPack(planted, [planted.blob('data', 'one'), planted.blob('data', 'two')]);
      await planted.index([pack]);
      const report = await check(planted);
      assert.match(report.errors.map((problem) => problem.message).join('\n'), message);
      assert.deepEqual(report.brokenPacks, [pack.id]);
    });
  }

  it('finds a blob that is not what its id says although its MAC is right', async () => {
    const planted = await emptyRepository();
    const wrong = { ...planted.blob('data', 'one'), id: missingId };
    const pack = await planted.pack([planted.blob('data', 'two'), wrong]);
    await planted.index([pack]);
    const report = await check(planted);
    assert.deepEqual(
      report.errors.map(({ kind, context }) => [kind, context['blob']]),
      [['blob', missingId]],
    );
    assert.match(report.errors[0]?.message ?? '', /does not have the SHA-256 that is its id/);
  });

  it('finds a blob that decompresses to more than the index says, without taking memory for it', async () => {
    const planted = await emptyRepository();
    const bomb = planted.blob('data', Buffer.alloc(100 << 20));
    const pack = await planted.pack([{ ...bomb, uncompressedLength: 1000 }]);
    await planted.index([pack]);
    const report = await check(planted);
    assert.deepEqual(kindsOf(report), ['blob']);
    assert.match(report.errors[0]?.message ?? '', /longer than 1000 bytes/);
  });

  it('finds a pack whose name is not the hash of its bytes', async () => {
    const { planted, packs, root } = await plant();
    const bytes = await planted.backend.load({ kind: 'pack', name: packs[0]?.id ?? '' });
    const id = sha256(Buffer.from('another')) as PackId;
    await planted.backend.save({ kind: 'pack', name: id }, bytes);
    await planted.index([{ id, blobs: packs[0]?.blobs ?? [] }, ...packs.slice(1)]);
    await planted.snapshot(root.id);
    const report = await check(planted);
    assert.deepEqual(kindsOf(report), ['pack-damaged']);
    assert.deepEqual(report.brokenPacks, [id]);
  });

  it('tells storage that gives wrong bytes once from storage that holds them', async () => {
    const { planted, packs, root } = await plant();
    await planted.index(packs);
    await planted.snapshot(root.id);
    const wrongTimes = async (times: number) => {
      const fault = { kind: 'flip-bit', bit: 300 } as const;
      const faulty = new FaultyBackend(planted.backend, [{ operation: 'load', fileKind: 'pack', nth: 1, times, fault }]);
      // Without a snapshot only whole packs are loaded.
      for await (const { name } of planted.backend.list('snapshot')) await planted.backend.remove({ kind: 'snapshot', name });
      return await check(new PlantedRepository(faulty, planted.key));
    };
    assert.deepEqual(kindsOf(await wrongTimes(1)), ['pack-unstable']);
    assert.ok(kindsOf(await wrongTimes(Infinity)).includes('pack-damaged'));
  });

  it('goes on when a pack cannot be read at all', async () => {
    const { planted, packs } = await plant();
    await planted.index(packs);
    const faulty = new FaultyBackend(planted.backend, [
      { operation: 'load', fileKind: 'pack', nth: 1, times: Infinity, fault: { kind: 'fail' } },
    ]);
    const report = await check(new PlantedRepository(faulty, planted.key));
    assert.deepEqual(kindsOf(report), ['pack-unreadable', 'pack-unreadable']);
    assert.deepEqual([report.brokenPacks, report.blobCount], [[], 4]);
  });
});
