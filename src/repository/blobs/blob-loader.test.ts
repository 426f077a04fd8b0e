import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { fileNode, PlantedRepository, type SealedBlob } from '../../../test/support/planted-repository.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import type { BlobId } from '../../base/ids.ts';
import type { IndexedPack } from '../../format/index-file.ts';
import type { Backend } from '../../storage/backend.ts';
import { LocalBackend } from '../../storage/local/local-backend.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { dataBlob, treeBlob } from '../../workers/index-table.ts';
import { loadIndex } from '../index/load-index.ts';
import { BlobLoader } from './blob-loader.ts';

const text = 'the same line again and again\n'.repeat(200);
const places: Record<string, (t: TestContext) => Promise<Backend>> = {
  'a folder': async (t) => {
    const backend = new LocalBackend({ path: temporaryFolder(t) });
    await backend.create();
    return backend;
  },
  'a storage that is not local': async () => new MemoryBackend(),
};

for (const [place, makeBackend] of Object.entries(places)) {
  describe(`BlobLoader on ${place}`, () => {
    const plant = async (t: TestContext, packs: (planted: PlantedRepository) => readonly (readonly SealedBlob[])[]) => {
      const planted = new PlantedRepository(await makeBackend(t));
      const stored: IndexedPack[] = [];
      for (const blobs of packs(planted)) stored.push(await planted.pack(blobs));
      await planted.index(stored);
      const index = await loadIndex(planted.backend, planted.key);
      const loader = new BlobLoader(planted.backend, planted.key, index);
      t.after(() => loader[Symbol.dispose]());
      return { planted, loader, stored };
    };

    it('gives blobs that are compressed, incompressible and empty', async (t) => {
      const contents = [Buffer.from(text), Buffer.from('short'), Buffer.alloc(0)];
      const { loader, stored } = await plant(t, (planted) => [contents.map((content) => planted.blob('data', content))]);
      const ids = stored.flatMap((pack) => pack.blobs.map((blob) => blob.id));
      const loaded = await Promise.all(ids.map((id) => loader.load(dataBlob, id)));
      assert.deepEqual(loaded, contents);
    });

    it('gives the nodes of a tree', async (t) => {
      const { loader, stored } = await plant(t, (planted) => [[planted.tree([fileNode('a', [], 0), fileNode('b', [], 0)])]]);
      const id = stored[0]?.blobs[0]?.id as BlobId;
      assert.deepEqual(
        (await loader.loadTree(id)).map((node) => node.name),
        ['a', 'b'],
      );
      assert.equal(await loader.loadTree(id), await loader.loadTree(id));
    });

    it('says not-found for a blob that no index has, and for the other type', async (t) => {
      const { loader, stored } = await plant(t, (planted) => [[planted.blob('data', text)]]);
      const id = stored[0]?.blobs[0]?.id as BlobId;
      await assert.rejects(loader.load(treeBlob, id), { code: 'not-found', message: new RegExp(id) });
      await assert.rejects(loader.load(dataBlob, 'ab'.repeat(32) as BlobId), { code: 'not-found', hint: /check/ });
    });

    it('takes another copy when one is damaged or its pack is gone', async (t) => {
      for (const harm of ['flip', 'remove'] as const) {
        const { planted, loader, stored } = await plant(t, (p) => [[p.blob('data', text)], [p.blob('data', text)], [p.blob('data', text)]]);
        for (const pack of stored.slice(0, 2)) await damage(planted.backend, pack.id, harm);
        assert.equal((await loader.load(dataBlob, stored[0]?.blobs[0]?.id as BlobId)).toString(), text);
      }
    });

    it('names blob and pack when no copy is whole', async (t) => {
      for (const harm of ['flip', 'remove', 'cut'] as const) {
        const { planted, loader, stored } = await plant(t, (p) => [[p.blob('data', text)]]);
        const [pack] = stored;
        assert.ok(pack);
        await damage(planted.backend, pack.id, harm);
        const blob = pack.blobs[0]?.id as BlobId;
        const message = new RegExp(`blob ${blob} in pack ${pack.id}`);
        await assert.rejects(loader.load(dataBlob, blob), { code: 'damaged', message });
      }
    });

    it('does not call a blob damaged because its bytes are no tree', async (t) => {
      const { loader, stored } = await plant(t, (p) => [[p.blob('tree', 'no JSON')]]);
      const id = stored[0]?.blobs[0]?.id as BlobId;
      await assert.rejects(loader.loadTree(id), { code: 'damaged', message: new RegExp(`^tree ${id} is damaged`) });
    });

    it('stops when it is cancelled', async (t) => {
      const { loader, stored } = await plant(t, (p) => [[p.blob('data', text)]]);
      const id = stored[0]?.blobs[0]?.id as BlobId;
      await assert.rejects(loader.load(dataBlob, id, { signal: AbortSignal.abort() }), { code: 'cancelled' });
    });
  });
}

async function damage(backend: Backend, name: string, harm: 'flip' | 'remove' | 'cut'): Promise<void> {
  const file = { kind: 'pack', name } as const;
  const bytes = await backend.load(file);
  await backend.remove(file);
  if (harm === 'remove') return;
  bytes[40] = (bytes[40] ?? 0) ^ 4;
  const path = backend.pathOf(file);
  const stored = harm === 'cut' ? bytes.subarray(0, 30) : bytes;
  if (path === undefined) await backend.save(file, stored);
  else {
    rmSync(path, { force: true });
    writeFileSync(path, stored);
  }
}
