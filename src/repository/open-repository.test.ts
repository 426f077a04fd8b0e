import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { HoldfastError } from '../base/errors.ts';
import type { HoldfastEvent } from '../base/events.ts';
import { sha256Hex } from '../crypto/sha256.ts';
import { configFile, type StoredFile } from '../storage/backend.ts';
import { MemoryBackend } from '../storage/memory/memory-backend.ts';
import { FaultyBackend } from '../storage/wrappers/faulty-backend.ts';
import { failure } from '../../test/support/failure.ts';
import { memoryRepository, quickScrypt, testPassword } from '../../test/support/new-repository.ts';
import { openRepository } from './open-repository.ts';
import type { Repository } from './repository.ts';
import { sealConfig } from './repository-config.ts';
import { systemRandomness } from '../base/clock.ts';

describe('openRepository', () => {
  let backend: MemoryBackend;
  let repository: Repository;
  beforeEach(async () => {
    ({ backend, repository } = await memoryRepository());
  });
  const open = (password: string = testPassword, keyHint?: string) => openRepository(backend, { password, keyHint });
  const addKey = (password: string) => repository.addKey({ password, scryptCost: quickScrypt });
  const replace = async (file: StoredFile, bytes: Uint8Array) => {
    await backend.remove(file);
    await backend.save(file, bytes);
  };

  it('gives what was created to the right password', async () => {
    const opened = await open();
    assert.deepEqual(opened.config, repository.config);
    assert.equal(opened.keyId, repository.keyId);
    assert.deepEqual(Buffer.from(opened.masterKey.encrypt), Buffer.from(repository.masterKey.encrypt));
  });

  it('takes a password as bytes, and one that is asked for later', async () => {
    await openRepository(backend, { password: Buffer.from(testPassword) });
    await openRepository(backend, { password: async () => testPassword });
  });

  it('refuses a wrong password with the exit code of restic', async () => {
    const error = await failure(open('wrong'), 'wrong-password');
    assert.equal(error.exitCode, 12);
    assert.match(error.message, /^no key of the repository opens/);
  });

  it('says that there is no repository with the exit code of restic, and does not ask for a password', async () => {
    const nowhere = new MemoryBackend();
    const password = () => assert.fail('asked for a password');
    const error = await failure(openRepository(nowhere, { password }), 'repository-missing');
    assert.equal(error.exitCode, 10);
  });

  it('finds the one of several keys that fits', async () => {
    for (const password of ['one', 'two', 'three']) await addKey(password);
    for (const password of ['one', 'two', 'three', testPassword]) {
      assert.equal((await open(password)).config.id, repository.config.id);
    }
  });

  it('tries 20 keys and the one that was hinted at, and says so', async () => {
    for (let n = 0; n < 24; n++) await addKey(`password ${n}`);
    const ids = (await Array.fromAsync(backend.list('key'))).map(({ name }) => name);
    const late = await addKeyBeyond(ids[19] ?? '');
    const error = await failure(open('late'), 'wrong-password');
    assert.match(error.message, /none of the first 20 of \d+ keys/);
    assert.match(error.hint ?? '', /--key-hint/);
    assert.equal((await open('late', late.slice(0, 12))).keyId, late);
  });

  /** Keys are tried in the order of their ids: makes keys until one comes late enough. */
  async function addKeyBeyond(id: string): Promise<string> {
    for (;;) {
      const added = await addKey('late');
      if (added > id) return added;
      await backend.remove({ kind: 'key', name: added });
    }
  }

  it('passes over a hint that names no key or several', async () => {
    await addKey('other');
    await open('other', 'zz');
    await open('other', '');
  });

  it('passes over damaged keys with a warning when another one opens', async () => {
    const damagedId = await addKey('other');
    await replace({ kind: 'key', name: damagedId }, Buffer.from('{"created"'));
    const events: HoldfastEvent[] = [];
    await openRepository(backend, { password: testPassword, events: (event) => events.push(event) });
    assert.equal(events.length, 1);
    assert.ok(events[0]?.kind === 'warning' && events[0].message.includes(damagedId));
  });

  it('names the damaged key, instead of blaming the password, when no other one opens', async () => {
    const id = repository.keyId;
    const bytes = await backend.load({ kind: 'key', name: id });
    for (const broken of [
      Buffer.alloc(0),
      bytes.subarray(0, -1),
      Buffer.from('null'),
      Buffer.from('x'.repeat(70_000)),
      flipped(bytes, 900),
    ]) {
      await replace({ kind: 'key', name: id }, broken);
      const error = await failure(open(), 'damaged');
      assert.ok(error.message.includes(`key ${id}`), error.message);
      assert.notEqual(error.hint, undefined);
    }
  });

  it('does not spend memory on a key file that asks for too much of it', async () => {
    const key = JSON.parse((await backend.load({ kind: 'key', name: repository.keyId })).toString()) as object;
    const greedy = Buffer.from(JSON.stringify({ ...key, N: 2 ** 30 }));
    await backend.remove({ kind: 'key', name: repository.keyId });
    await backend.save({ kind: 'key', name: sha256Hex(greedy) }, greedy);
    await failure(open(), 'repository-unsupported');
  });

  it('says that the keys are gone', async () => {
    await backend.remove({ kind: 'key', name: repository.keyId });
    assert.match((await failure(open(), 'damaged')).message, /no key file/);
  });

  it('finds every flipped bit and every truncation of the config', async () => {
    const bytes = await backend.load(configFile);
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      await replace(configFile, flipped(bytes, bit));
      assert.match((await failure(open(), 'damaged')).message, /^the config file is damaged/);
    }
    for (let length = 0; length < bytes.length; length += 9) {
      await replace(configFile, bytes.subarray(0, length));
      await failure(open(), 'damaged');
    }
    await replace(configFile, Buffer.alloc(1 << 20));
    await failure(open(), 'damaged');
  });

  it('finds a config whose content cannot be, though it is sealed rightly', async () => {
    const { masterKey, config } = repository;
    await replace(configFile, sealConfig({ ...config, polynomial: 4n }, masterKey, systemRandomness));
    assert.match((await failure(open(), 'damaged')).message, /^the config file is damaged: .*polynomial/);
    await replace(configFile, sealConfig({ ...config, version: 3 as 2 }, masterKey, systemRandomness));
    assert.match((await failure(open(), 'repository-unsupported')).message, /version 3/);
    await replace(configFile, sealConfig({ ...config, version: 1 }, masterKey, systemRandomness));
    assert.equal((await open()).config.version, 1);
  });

  it('ends with the error of the storage, or as cancelled', async () => {
    const denied = new HoldfastError('storage-denied', 'not allowed');
    const faulty = new FaultyBackend(backend, [{ operation: 'load', fileKind: 'key', nth: 1, fault: { kind: 'fail', error: denied } }]);
    await failure(openRepository(faulty, { password: testPassword }), 'storage-denied');
    await failure(openRepository(backend, { password: testPassword, signal: AbortSignal.abort() }), 'cancelled');
  });

  it('takes a key that is removed while it opens for one that is not there', async () => {
    const other = await addKey('other');
    const gone = new HoldfastError('storage-missing', 'gone');
    const first = [other, repository.keyId].sort().indexOf(other) + 1;
    const faulty = new FaultyBackend(backend, [{ operation: 'load', fileKind: 'key', nth: first, fault: { kind: 'fail', error: gone } }]);
    assert.equal((await openRepository(faulty, { password: testPassword })).keyId, repository.keyId);
  });
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
