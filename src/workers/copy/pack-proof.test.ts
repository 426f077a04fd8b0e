import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PlantedRepository } from '../../../test/support/planted-repository.ts';
import { pseudoRandomBytes } from '../../../test/support/pseudo-random.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { systemRandomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { idToBytes, type PackId } from '../../base/ids.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { dataBlob, IndexTable } from '../index-table.ts';
import { PackProof } from './pack-proof.ts';

interface Subject {
  readonly proof: PackProof;
  readonly id: PackId;
  readonly blobs: Uint32Array;
  readonly bytes: Buffer;
}

/** A pack of three blobs, two of them compressed, and what its writer says of it. */
async function subject(packFolder?: string): Promise<Subject> {
  const planted = new PlantedRepository(new MemoryBackend());
  const contents = ['text '.repeat(500), pseudoRandomBytes(700, 1), 'more '.repeat(300)];
  const { id, blobs } = await planted.pack(contents.map((content) => planted.blob('data', content)));
  const index = IndexTable.create(10);
  const words = blobs.flatMap((blob) => [index.claim(idToBytes(blob.id), dataBlob), blob.length, blob.uncompressedLength ?? 0]);
  const bytes = await planted.backend.load({ kind: 'pack', name: id });
  return { proof: new PackProof(index, new Sealer(planted.key, systemRandomness), packFolder), id, blobs: Uint32Array.from(words), bytes };
}

function isProved({ proof, id, blobs }: Subject, bytes: Uint8Array): boolean {
  try {
    // A copy: it is deciphered in place.
    proof.prove({ kind: 'prove', id, blobs, bytes: Buffer.from(bytes) });
    return true;
  } catch (error) {
    assert.ok(error instanceof HoldfastError);
    assert.equal(error.code, 'verify-failed');
    assert.ok(error.message.startsWith(`pack ${id} was written, but`));
    return false;
  }
}

function write({ id, bytes }: Subject, folder: string): void {
  mkdirSync(join(folder, id.slice(0, 2)));
  writeFileSync(join(folder, id.slice(0, 2), id), bytes);
}

describe('a pack that is read back', () => {
  it('is what was written, again and again', async () => {
    const one = await subject();
    for (let round = 0; round < 3; round++) assert.ok(isProved(one, one.bytes));
  });

  it('is not, with any bit turned over, cut short at any place, or longer', async () => {
    const one = await subject();
    fc.assert(
      fc.property(fc.nat(one.bytes.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(one.bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        assert.ok(!isProved(one, changed));
        assert.ok(!isProved(one, one.bytes.subarray(0, at)));
      }),
    );
    assert.ok(!isProved(one, Buffer.concat([one.bytes, Buffer.alloc(1)])));
  });

  it('is not, when it is a whole pack of other blobs', async () => {
    const one = await subject();
    for (const blobs of [one.blobs.subarray(0, 6), Uint32Array.from([...one.blobs.subarray(3), ...one.blobs.subarray(0, 3)])]) {
      assert.ok(!isProved({ ...one, blobs }, one.bytes));
    }
  });

  it('comes from the disk where that is this machine, and one that is not there is no pack', async (t) => {
    const folder = temporaryFolder(t);
    const one = await subject(folder);
    const request = { kind: 'prove', id: one.id, blobs: one.blobs } as const;
    assert.throws(() => one.proof.prove(request), { code: 'verify-failed' });
    write(one, folder);
    one.proof.prove(request);
  });
});
