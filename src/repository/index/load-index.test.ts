import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { PlantedRepository, sha256 } from '../../../test/support/planted-repository.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import type { HoldfastError } from '../../base/errors.ts';
import type { BlobId, IndexId, PackId } from '../../base/ids.ts';
import { Compressor } from '../../compression/compressor.ts';
import { encodeIndex, type IndexedPack } from '../../format/index-file.ts';
import { LocalBackend } from '../../storage/local/local-backend.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { dataBlob } from '../../workers/index-table.ts';
import { loadIndex } from './load-index.ts';

const blobsPerFile = 50_000;
const blobsPerPack = 500;

function idsOf(file: number, count: number): Buffer {
  const start = Buffer.alloc(16);
  start.writeUInt32BE(file, 0);
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), start).update(Buffer.alloc(count * 32));
}

/** Packs of blobs that nobody has stored. */
function packsOf(file: number, count: number): IndexedPack[] {
  const ids = idsOf(file, count);
  const packs: IndexedPack[] = [];
  for (let first = 0; first < count; first += blobsPerPack) {
    const blobs = Array.from({ length: Math.min(blobsPerPack, count - first) }, (_, at) => ({
      id: ids.toString('hex', (first + at) * 32, (first + at + 1) * 32) as BlobId,
      type: 'data' as const,
      offset: at * 1000,
      length: 1000,
      uncompressedLength: 2000 + at,
    }));
    packs.push({ id: sha256(Buffer.from(`${file} ${first}`)) as PackId, blobs });
  }
  return packs;
}

async function plantCompressed(planted: PlantedRepository, packs: readonly IndexedPack[]): Promise<IndexId> {
  const json = encodeIndex(packs);
  const encoded = Buffer.alloc(json.length, 2);
  const length = new Compressor('auto').compress(json, encoded.subarray(1));
  return await planted.unpacked('index', encoded.subarray(0, length + 1));
}

async function localRepository(t: TestContext): Promise<PlantedRepository> {
  const backend = new LocalBackend({ path: temporaryFolder(t) });
  await backend.create();
  return new PlantedRepository(backend);
}

describe('loadIndex', () => {
  it('brings 200,000 blobs from several files into at most 64 bytes each, by worker threads', async (t) => {
    const planted = await localRepository(t);
    for (let file = 0; file < 4; file++) await plantCompressed(planted, packsOf(file, blobsPerFile));
    const index = await loadIndex(planted.backend, planted.key);
    assert.equal(index.entryCount, 4 * blobsPerFile);
    assert.ok(index.committedBytes / index.entryCount <= 64, `${index.committedBytes / index.entryCount} bytes`);
    for (let file = 0; file < 4; file++) {
      const ids = idsOf(file, blobsPerFile);
      for (let blob = 0; blob < blobsPerFile; blob++) {
        const entry = index.find(ids.subarray(blob * 32, blob * 32 + 32), dataBlob);
        assert.equal(index.plainLengthOf(entry), 2000 + (blob % blobsPerPack));
      }
    }
  });

  for (const place of ['local', 'remote'] as const) {
    it(`reads compressed and plain files of a ${place} storage`, async (t) => {
      const planted = place === 'local' ? await localRepository(t) : new PlantedRepository(new MemoryBackend());
      await plantCompressed(planted, packsOf(1, 700));
      await planted.index(packsOf(2, 10));
      const index = await loadIndex(planted.backend, planted.key);
      assert.deepEqual([index.entryCount, index.packCount], [710, 3]);
    });

    it(`names a damaged file of a ${place} storage, or leaves it out where told`, async (t) => {
      const planted = place === 'local' ? await localRepository(t) : new PlantedRepository(new MemoryBackend());
      const good = await planted.index(packsOf(1, 700));
      const bad = await planted.index(packsOf(2, 10));
      await overwrite(planted, bad, Buffer.from('nothing that was ever sealed, though long enough'));
      await assert.rejects(loadIndex(planted.backend, planted.key), { code: 'damaged', message: new RegExp(bad) });
      const unreadable: [string, HoldfastError][] = [];
      const loaded: string[] = [];
      const index = await loadIndex(planted.backend, planted.key, {
        onUnreadable: (id, error) => unreadable.push([id, error]),
        onLoaded: (id, packs) => loaded.push(`${id} ${packs.length}`),
      });
      assert.deepEqual(
        unreadable.map(([id, error]) => [id, error.code]),
        [[bad, 'damaged']],
      );
      assert.deepEqual(loaded, [`${good} 2`]);
      assert.equal(index.entryCount, 700);
      assert.equal((await loadIndex(planted.backend, planted.key, { except: new Set([bad]) })).entryCount, 700);
    });
  }

  it('stops when it is cancelled', async (t) => {
    const planted = await localRepository(t);
    await planted.index(packsOf(1, 10));
    await assert.rejects(loadIndex(planted.backend, planted.key, { signal: AbortSignal.abort() }), { code: 'cancelled' });
  });
});

async function overwrite({ backend }: PlantedRepository, name: string, bytes: Buffer): Promise<void> {
  const file = { kind: 'index', name } as const;
  const path = backend.pathOf(file);
  if (path === undefined) {
    await backend.remove(file);
    await backend.save(file, bytes);
  } else {
    rmSync(path);
    writeFileSync(path, bytes);
  }
}
