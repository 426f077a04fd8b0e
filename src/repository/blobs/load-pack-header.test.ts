import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emptyRepository } from '../../../test/support/planted-check.ts';
import { harm, opened } from '../../../test/support/repairable-repository.ts';
import type { LocatedBlob } from '../../format/pack-header.ts';
import { loadPackHeader } from './load-pack-header.ts';

async function plantPack(blobCount: number) {
  const planted = await emptyRepository();
  const pack = await planted.pack(Array.from({ length: blobCount }, (_, number) => planted.blob('data', `blob ${number}`)));
  const load = async (): Promise<LocatedBlob[]> => {
    const { backend, sealer } = await opened(planted);
    const { sizeBytes } = await backend.stat({ kind: 'pack', name: pack.id });
    return await loadPackHeader(backend, sealer, { id: pack.id, sizeBytes });
  };
  return { planted, pack, load };
}

describe('the header of a pack', () => {
  for (const blobCount of [1, 100, 1000]) {
    it(`lists what is in a pack of ${blobCount} blobs`, async () => {
      const { pack, load } = await plantPack(blobCount);
      assert.deepEqual(await load(), pack.blobs);
    });
  }

  it('is damaged when a byte of it, or of its length, is wrong, or when the pack is cut short', async () => {
    const changes: readonly ((bytes: Buffer) => Buffer)[] = [
      (bytes) => Buffer.concat([bytes.subarray(0, -10), Buffer.from('wrong'), bytes.subarray(-5)]),
      (bytes) => Buffer.concat([bytes.subarray(0, -4), Buffer.from([255, 255, 255, 255])]),
      (bytes) => bytes.subarray(0, -1),
      (bytes) => bytes.subarray(0, 3),
      () => Buffer.alloc(0),
    ];
    for (const change of changes) {
      const { planted, pack, load } = await plantPack(3);
      await harm(planted.backend, pack.id, change);
      await assert.rejects(load(), { code: 'damaged' });
    }
  });
});
