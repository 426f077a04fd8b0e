import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { failure } from '../../../test/support/failure.ts';
import { PlantedRepository } from '../../../test/support/planted-repository.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { BlobId, IndexId, PackId } from '../../base/ids.ts';
import type { IndexedPack } from '../../format/index-file.ts';
import type { Backend } from '../../storage/backend.ts';
import { LocalBackend } from '../../storage/local/local-backend.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { dataBlob, type IndexTable, treeBlob } from '../../workers/index-table.ts';
import { loadIndex } from './load-index.ts';

const blobsPerPack = 500;
const packsPerIndex = 8;

async function createLocal(t: TestContext): Promise<LocalBackend> {
  const backend = new LocalBackend({ path: temporaryFolder(t) });
  await backend.create();
  t.after(() => backend.close());
  return backend;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

const packs = new Map<number, IndexedPack>();

function packNumber(number: number): IndexedPack {
  const pack = packs.get(number) ?? makePack(number);
  packs.set(number, pack);
  return pack;
}

function makePack(number: number): IndexedPack {
  const blobs = Array.from({ length: blobsPerPack }, (_, index) => {
    const blob = { id: hash(`blob ${number} ${index}`) as BlobId, type: 'data', offset: index * 1000, length: 900 + index } as const;
    return index % 3 === 0 ? blob : { ...blob, uncompressedLength: 5000 + index };
  });
  return { id: hash(`pack ${number}`) as PackId, blobs };
}

async function plantIndexes(planted: PlantedRepository, count: number): Promise<IndexId[]> {
  const ids: IndexId[] = [];
  for (let file = 0; file < count; file++) {
    ids.push(await planted.index(Array.from({ length: packsPerIndex }, (_, index) => packNumber(file * packsPerIndex + index))));
  }
  return ids;
}

/** Everything that the table says of the blobs of so many index files, whatever numbers it gave to their packs. */
function locations(table: IndexTable, fileCount: number): string[] {
  const found: string[] = [];
  for (let number = 0; number < fileCount * packsPerIndex; number++) {
    for (const { id } of packNumber(number).blobs) {
      const entry = table.find(Buffer.from(id, 'hex'), dataBlob);
      assert.ok(entry >= 0, `blob ${id} is not in the table`);
      assert.equal(table.find(Buffer.from(id, 'hex'), treeBlob), -1);
      const where = [table.offsetOf(entry), table.lengthOf(entry), table.plainLengthOf(entry)];
      found.push(`${id} ${table.packIdHex(table.packOf(entry))} ${where.join(' ')}`);
    }
  }
  return found;
}

const expected = (fileCount: number): string[] =>
  Array.from({ length: fileCount * packsPerIndex }, (_, number) => packNumber(number)).flatMap(({ id, blobs }) =>
    blobs.map((blob) => [blob.id, id, blob.offset, blob.length, 'uncompressedLength' in blob ? blob.uncompressedLength : 0].join(' ')),
  );

async function storedBytes(backend: Backend): Promise<number> {
  return (await Array.fromAsync(backend.list('index'))).reduce((sum, file) => sum + file.sizeBytes, 0);
}

describe('loadIndex', () => {
  it('gives the same table in workers as in the main thread, from a folder as from elsewhere', async (t) => {
    const local = await createLocal(t);
    const planted = new PlantedRepository(local);
    const files = 12;
    await plantIndexes(planted, files);
    assert.ok((await storedBytes(local)) > 4 << 20, 'enough for workers of its own');
    const remote = new MemoryBackend();
    for await (const { name } of local.list('index')) await remote.save({ kind: 'index', name }, await local.load({ kind: 'index', name }));
    const packCounts: number[] = [];
    for (const backend of [local, remote]) {
      const table = await loadIndex(backend, planted.key, { onLoaded: (_id, loaded) => packCounts.push(loaded.length) });
      assert.deepEqual(locations(table, files), expected(files));
      assert.equal(table.packCount, files * packsPerIndex);
    }
    assert.deepEqual(packCounts, new Array(2 * files).fill(packsPerIndex));
  });

  it('reads a small index without workers', async (t) => {
    const planted = new PlantedRepository(await createLocal(t));
    await plantIndexes(planted, 2);
    assert.deepEqual(locations(await loadIndex(planted.backend, planted.key), 2), expected(2));
  });

  it('is empty where there is no index file', async () => {
    const planted = new PlantedRepository(new MemoryBackend());
    assert.equal((await loadIndex(planted.backend, planted.key)).packCount, 0);
  });

  it('lets others read, file by file, where they are offered', async (t) => {
    const planted = new PlantedRepository(await createLocal(t));
    const ids = await plantIndexes(planted, 3);
    const asked: string[] = [];
    await loadIndex(planted.backend, planted.key, {
      reader: async ({ id, path }) => {
        assert.equal(path, planted.backend.pathOf({ kind: 'index', name: id }));
        asked.push(id);
        return new Uint32Array(0);
      },
    });
    assert.deepEqual(asked.sort(), ids.sort());
  });

  it('leaves out files that it is told to leave out', async (t) => {
    const planted = new PlantedRepository(await createLocal(t));
    const [first] = await plantIndexes(planted, 2);
    const table = await loadIndex(planted.backend, planted.key, { except: new Set(first === undefined ? [] : [first]) });
    assert.equal(table.packCount, packsPerIndex);
  });

  it('ends with the first damaged file, and names it', async (t) => {
    const local = await createLocal(t);
    for (const backend of [local, new MemoryBackend()]) {
      const planted = new PlantedRepository(backend);
      await plantIndexes(planted, 3);
      const name = await planted.unpacked<IndexId>('index', Buffer.from('{"packs":[{"id":"'));
      const error = await failure(loadIndex(backend, planted.key), 'damaged');
      assert.match(error.message, new RegExp(name, 'u'));
      assert.equal(error.context['file'], `index/${name}`);
    }
  });

  it('ends when a worker meets a damaged file', async (t) => {
    const planted = new PlantedRepository(await createLocal(t));
    await plantIndexes(planted, 12);
    const name = await planted.unpacked<IndexId>('index', Buffer.from('no JSON'));
    assert.match((await failure(loadIndex(planted.backend, planted.key), 'damaged')).message, new RegExp(name, 'u'));
  });

  it('goes on where it is to report damaged files, with all others loaded', async (t) => {
    const local = await createLocal(t);
    for (const backend of [local, new MemoryBackend()]) {
      const planted = new PlantedRepository(backend);
      await plantIndexes(planted, 2);
      const name = await planted.unpacked<IndexId>('index', Buffer.from('no JSON'));
      const unreadable: (readonly [IndexId, HoldfastError])[] = [];
      const table = await loadIndex(backend, planted.key, { onUnreadable: (...found) => unreadable.push(found) });
      assert.deepEqual(
        unreadable.map(([id, error]) => [id, error.code]),
        [[name, 'damaged']],
      );
      assert.deepEqual(locations(table, 2), expected(2));
    }
  });

  it('stops when its signal has fired, reported files or not', async (t) => {
    const planted = new PlantedRepository(await createLocal(t));
    await plantIndexes(planted, 1);
    const signal = AbortSignal.abort(new HoldfastError('cancelled', 'enough'));
    for (const onUnreadable of [undefined, () => assert.fail('cancelled is not unreadable')]) {
      const options = onUnreadable === undefined ? { signal } : { signal, onUnreadable };
      assert.equal((await failure(loadIndex(planted.backend, planted.key, options), 'cancelled')).message, 'enough');
    }
  });
});
