import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { systemRandomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import { createMasterKey } from '../crypto/master-key.ts';
import { Sealer, sealOverhead } from '../crypto/sealer.ts';
import { sha256Hex } from '../crypto/sha256.ts';
import type { LockId, SnapshotId } from '../base/ids.ts';
import { MemoryBackend } from '../storage/memory/memory-backend.ts';
import { FaultyBackend } from '../storage/wrappers/faulty-backend.ts';
import { UnpackedFiles } from './unpacked-files.ts';

const masterKey = createMasterKey(systemRandomness);
const sealer = new Sealer(masterKey, systemRandomness);
const json = Buffer.from(JSON.stringify({ paths: Array.from({ length: 50 }, (_, n) => `/srv/data/${n}`) }));

describe('UnpackedFiles', () => {
  let backend: MemoryBackend;
  let files: UnpackedFiles;
  beforeEach(() => {
    backend = new MemoryBackend();
    files = new UnpackedFiles(backend, sealer, 2);
  });
  /** Stores bytes of the test's own under their right name. */
  const plant = async (plain: Buffer): Promise<SnapshotId> => {
    const stored = Buffer.alloc(plain.length + sealOverhead);
    sealer.seal(plain, stored);
    const name = sha256Hex(stored) as SnapshotId;
    await backend.save({ kind: 'snapshot', name }, stored);
    return name;
  };
  const stored = async (id: string) => await backend.load({ kind: 'snapshot', name: id });
  const unsealed = async (id: string) => {
    const bytes = await stored(id);
    const plain = Buffer.alloc(bytes.length - sealOverhead);
    sealer.unseal(bytes, plain);
    return plain;
  };

  it('gives back the JSON that was saved, under the SHA-256 of what is stored', async () => {
    const id = await files.save('snapshot', json);
    assert.equal(sha256Hex(await stored(id)), id);
    assert.deepEqual(await files.load('snapshot', id), json);
  });

  it('compresses in version 2: the encoding byte 2, then a zstd frame', async () => {
    const plain = await unsealed(await files.save('snapshot', json));
    assert.equal(plain.subarray(0, 5).toString('hex'), '0228b52ffd');
    assert.ok(plain.length < json.length / 2);
  });

  it('stores JSON that does not shrink as it is, and everything in version 1', async () => {
    const short = Buffer.from('{"a":1}');
    assert.deepEqual(await unsealed(await files.save('snapshot', short)), short);
    const old = new UnpackedFiles(backend, sealer, 1);
    const id = await old.save('snapshot', json);
    assert.deepEqual(await unsealed(id), json);
    assert.deepEqual(await old.load('snapshot', id), json);
  });

  it('reads plain objects and arrays in a repository of version 2', async () => {
    assert.equal((await files.load('snapshot', await plant(Buffer.from('{"a":1}')))).toString(), '{"a":1}');
    assert.equal((await files.load('snapshot', await plant(Buffer.from('[1]')))).toString(), '[1]');
  });

  it('says so when the encoding is not known, or the frame is broken', async () => {
    const newer = await plant(Buffer.from([3, 1, 2]));
    await assert.rejects(files.load('snapshot', newer), { code: 'repository-unsupported', message: new RegExp(`^snapshot ${newer}`) });
    await assert.rejects(files.load('snapshot', await plant(Buffer.alloc(0))), { code: 'damaged' });
    const id = await plant(Buffer.from([2, 0x28, 0xb5, 0x2f, 0xfd, 9, 9]));
    await assert.rejects(files.load('snapshot', id), { code: 'damaged', message: new RegExp(`^snapshot ${id} is damaged`) });
  });

  it('does not let a small file fill the memory', async () => {
    const bomb = new UnpackedFiles(backend, sealer, 2);
    const id = await bomb.save('index', Buffer.from(`{"a":"${' '.repeat(3 << 20)}"}`));
    const bytes = await backend.load({ kind: 'index', name: id });
    await backend.save({ kind: 'lock', name: id }, bytes);
    await assert.rejects(files.load('lock', id as string as LockId), { code: 'damaged' });
  });

  it('names the file when a bit of it was flipped, at any place', async () => {
    const id = await files.save('snapshot', json);
    const sizeBits = (await stored(id)).length * 8;
    for (let bit = 0; bit < sizeBits; bit += 7) {
      const faulty = new FaultyBackend(backend, [{ operation: 'load', nth: 1, times: 2, fault: { kind: 'flip-bit', bit } }]);
      const broken = new UnpackedFiles(faulty, sealer, 2).load('snapshot', id);
      await assert.rejects(broken, { code: 'damaged', message: new RegExp(`^snapshot ${id} is damaged`) });
    }
  });

  it('reads again when the bytes were damaged only on their way', async () => {
    const id = await files.save('snapshot', json);
    const faulty = new FaultyBackend(backend, [{ operation: 'load', nth: 1, fault: { kind: 'flip-bit', bit: 77 } }]);
    assert.deepEqual(await new UnpackedFiles(faulty, sealer, 2).load('snapshot', id), json);
  });

  it('finds every truncation, down to an empty file', async () => {
    const id = await files.save('snapshot', json);
    const { length } = await stored(id);
    for (let missingBytes = 1; missingBytes <= length; missingBytes++) {
      const faulty = new FaultyBackend(backend, [{ operation: 'load', nth: 1, times: 2, fault: { kind: 'short-read', missingBytes } }]);
      await assert.rejects(new UnpackedFiles(faulty, sealer, 2).load('snapshot', id), { code: 'damaged' });
    }
  });

  it('names a file that another master key sealed', async () => {
    const other = new UnpackedFiles(backend, new Sealer(createMasterKey(systemRandomness), systemRandomness), 2);
    const id = await other.save('snapshot', json);
    await assert.rejects(files.load('snapshot', id), { code: 'damaged', message: /MAC/ });
  });

  it('does not store what memory changed while it was sealed', async () => {
    const faultyMemory = {
      seal: (plain: Uint8Array, target: Uint8Array) => {
        const length = sealer.seal(plain, target);
        target[length - 20] = (target[length - 20] ?? 0) ^ 1;
        return length;
      },
      unseal: (sealed: Uint8Array, target: Uint8Array) => sealer.unseal(sealed, target),
    };
    await assert.rejects(new UnpackedFiles(backend, faultyMemory, 2).save('snapshot', json), (error) => {
      assert.ok(error instanceof HoldfastError);
      assert.equal(error.code, 'internal');
      return true;
    });
    assert.deepEqual(await Array.fromAsync(backend.list('snapshot')), []);
  });
});
