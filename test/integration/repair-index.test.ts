import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { encodeHeaderEntries } from '../../src/format/pack-header.ts';
import { repairIndex } from '../../src/repository/repair/repair-index.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { FaultyBackend } from '../../src/storage/wrappers/faulty-backend.ts';
import { failure } from '../support/failure.ts';
import { localRepository, memoryRepository } from '../support/new-repository.ts';
import { PlantedRepository } from '../support/planted-repository.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const places = {
  'that workers read': async (t: TestContext) => await localRepository(join(temporaryFolder(t), 'repository')),
  'that main fetches': async () => (await memoryRepository()).repository,
};

for (const [name, make] of Object.entries(places)) {
  describe(`repairIndex of packs ${name}`, () => {
    it('makes from nothing but the packs what their writer knew of them', async (t) => {
      const { repository, planted } = await open(t, make);
      const packs = [];
      for (let pack = 0; pack < 70; pack++) {
        const blobs = Array.from({ length: 1 + (pack % 5) * 200 }, (_, blob) =>
          planted.blob(pack % 2 ? 'data' : 'tree', `${pack} ${blob} `.repeat(1 + (blob % 30))),
        );
        packs.push(await planted.pack(blobs));
      }
      const report = await repairIndex(repository, { readAllPacks: true });
      assert.deepEqual([report.packsRead, report.damaged, report.indexesRemoved], [70, [], []]);
      const expected = packs.flatMap(({ id, blobs }) =>
        blobs.map((blob) => placeOf(id, blob.id, blob.offset, blob.length, blob.uncompressedLength)),
      );
      assert.deepEqual(await indexOf(repository), expected.sort());
      assert.deepEqual((await repairIndex(repository, { readAllPacks: false })).indexesWritten, []);
      const again = await repairIndex(repository, { readAllPacks: true });
      assert.deepEqual(again.indexesRemoved, report.indexesWritten);
      assert.deepEqual(await indexOf(repository), expected);
    });

    it('names packs whose headers cannot be right, and leaves out them alone', async (t) => {
      const { repository, planted } = await open(t, make);
      const blob = planted.blob('data', 'some content');
      const entry = { id: blob.id, type: blob.type, length: blob.sealed.length };
      const wrong = [
        { header: Buffer.from([9, ...encodeHeaderEntries([entry]).subarray(1)]) },
        { header: encodeHeaderEntries([{ ...entry, length: entry.length + 1 }]) },
        { header: encodeHeaderEntries([{ ...entry, length: 0xffff_ffff }]) },
        { header: encodeHeaderEntries([{ ...entry, length: 31 }]) },
        { header: encodeHeaderEntries([entry]).subarray(1) },
        { header: Buffer.alloc(0) },
        { headerLengthField: 0xffff_ffff },
        { headerLengthField: 33 },
        { gap: Buffer.alloc(1) },
      ];
      const damaged = [];
      for (const options of wrong) damaged.push((await planted.pack([blob], options)).id);
      const right = await planted.pack([planted.blob('data', 'other content')]);
      const report = await repairIndex(repository, { readAllPacks: false });
      assert.deepEqual(report.damaged.map(({ pack }) => pack).sort(), damaged.sort());
      assert.deepEqual(
        (await indexOf(repository)).map((place) => place.split(' ')[0]),
        [right.id],
      );
    });

    it('takes the header for true where the index says something else, and drops packs that are gone', async (t) => {
      const { repository, planted } = await open(t, make);
      const [first, second] = [await planted.pack([planted.blob('data', 'one')]), await planted.pack([planted.blob('data', 'two')])];
      const gone = await planted.pack([planted.blob('data', 'gone')]);
      await repository.backend.remove({ kind: 'pack', name: gone.id });
      const lies = [{ id: first.id, blobs: [...first.blobs, ...second.blobs] }, second, gone];
      await planted.index(lies);
      const report = await repairIndex(repository, { readAllPacks: false });
      assert.deepEqual([report.reindexed, report.missing, report.added], [[first.id], [gone.id], []]);
      assert.deepEqual(
        (await indexOf(repository)).map((place) => place.split(' ').slice(0, 2)),
        [first, second].map(({ id, blobs }) => [id, blobs[0]?.id]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
      );
    });

    it('changes nothing when the storage does not give what it has', async (t) => {
      const { repository, planted } = await open(t, make);
      const pack = await planted.pack([planted.blob('data', 'one')]);
      const index = await planted.index([pack]);
      await planted.pack([planted.blob('data', 'two')]);
      const fault = { operation: 'adopt', nth: 1, times: Number.POSITIVE_INFINITY, fault: { kind: 'fail' } } as const;
      const { files, snapshots, masterKey, config } = repository;
      const target = { backend: new FaultyBackend(repository.backend, [fault]), files, snapshots, masterKey, config };
      await failure(repairIndex(target, { readAllPacks: true }), 'storage-failed');
      assert.deepEqual(await Array.fromAsync(repository.backend.list('index'), (file) => file.name), [index]);
    });
  });
}

async function open(t: TestContext, make: (t: TestContext) => Promise<Repository>) {
  const repository = await make(t);
  t.after(() => repository.close());
  return { repository, planted: new PlantedRepository(repository.backend, repository.masterKey) };
}

async function indexOf(repository: Repository): Promise<string[]> {
  repository.forgetIndex();
  const index = await repository.loadIndex();
  const places = Array.from({ length: index.entryCount }, (_, entry) =>
    placeOf(
      index.packIdHex(index.packOf(entry)),
      index.idHex(entry),
      index.offsetOf(entry),
      index.lengthOf(entry),
      index.plainLengthOf(entry),
    ),
  );
  return places.sort();
}

function placeOf(pack: string, blob: string, offset: number, length: number, plainLength = 0): string {
  return [pack, blob, offset, length, plainLength].join(' ');
}
