import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandomness } from '../../base/clock.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { FaultyBackend } from '../../storage/wrappers/faulty-backend.ts';
import { quickScrypt } from '../../../test/support/new-repository.ts';
import { createRepository } from '../create-repository.ts';
import { UnpackedFiles } from '../unpacked-files.ts';
import { loadIndex } from './load-index.ts';

const pack = 'ab'.repeat(32);
const json = JSON.stringify({ packs: [{ id: pack, blobs: [{ id: 'cd'.repeat(32), type: 'data', offset: 0, length: 100 }] }] });

async function farIndex(): Promise<{ readonly backend: MemoryBackend; readonly key: MasterKey }> {
  const backend = new MemoryBackend();
  const { masterKey: key } = await createRepository(backend, { password: 'p', scryptCost: quickScrypt });
  await new UnpackedFiles(backend, new Sealer(key, systemRandomness), 2).save('index', Buffer.from(json));
  return { backend, key };
}

describe('an index file that is fetched', () => {
  it('is fetched once more when it went wrong on its way', async () => {
    const { backend, key } = await farIndex();
    for (const fault of [
      { kind: 'flip-bit', bit: 400 },
      { kind: 'short-read', missingBytes: 7 },
    ] as const) {
      const faulty = new FaultyBackend(backend, [{ operation: 'load', fileKind: 'index', nth: 1, fault }]);
      const index = await loadIndex(faulty, key);
      assert.equal(index.packCount, 1);
    }
  });

  it('that is wrong again is damaged', async () => {
    const { backend, key } = await farIndex();
    const fault = { kind: 'flip-bit', bit: 400 } as const;
    const faulty = new FaultyBackend(backend, [{ operation: 'load', fileKind: 'index', nth: 1, times: 2, fault }]);
    await assert.rejects(loadIndex(faulty, key), { code: 'damaged' });
  });
});
