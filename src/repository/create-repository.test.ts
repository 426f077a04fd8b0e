import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isIrreducible } from '../chunker/polynomial.ts';
import { HoldfastError } from '../base/errors.ts';
import { configFile, fileKinds } from '../storage/backend.ts';
import { MemoryBackend } from '../storage/memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from '../storage/wrappers/faulty-backend.ts';
import { quickScrypt } from '../../test/support/new-repository.ts';
import { createRepository } from './create-repository.ts';
import { openRepository } from './open-repository.ts';

const options = { password: 'first', scryptCost: quickScrypt };

describe('createRepository', () => {
  it('makes a config of version 2 with a random id and an irreducible polynomial, and one key', async () => {
    const backend = new MemoryBackend();
    const { config, keyId } = await createRepository(backend, options);
    assert.equal(config.version, 2);
    assert.match(config.id, /^[0-9a-f]{64}$/);
    assert.ok(isIrreducible(config.polynomial));
    assert.deepEqual(await names(backend, 'key'), [keyId]);
    for (const kind of fileKinds) if (kind !== 'key' && kind !== 'config') assert.deepEqual(await names(backend, kind), []);
  });

  it('gives no two repositories the same id, polynomial or keys', async () => {
    const [a, b] = [await createRepository(new MemoryBackend(), options), await createRepository(new MemoryBackend(), options)];
    assert.notEqual(a.config.id, b.config.id);
    assert.notEqual(a.config.polynomial, b.config.polynomial);
    assert.notDeepEqual(a.masterKey, b.masterKey);
  });

  it('takes the polynomial of another repository, and refuses one that would cut nothing', async () => {
    const { config } = await createRepository(new MemoryBackend(), options);
    const copy = await createRepository(new MemoryBackend(), { ...options, polynomial: config.polynomial });
    assert.equal(copy.config.polynomial, config.polynomial);
    await assert.rejects(createRepository(new MemoryBackend(), { ...options, polynomial: 8n }), { code: 'damaged' });
  });

  it('writes versions 1 and 2, and says so of others', async () => {
    for (const version of [1, 2])
      assert.equal((await createRepository(new MemoryBackend(), { ...options, version })).config.version, version);
    for (const version of [3, 0, 1.5])
      await assert.rejects(createRepository(new MemoryBackend(), { ...options, version }), { code: 'unsupported' });
  });

  it('leaves a repository that is there as it is', async () => {
    const backend = new MemoryBackend();
    const { keyId } = await createRepository(backend, options);
    const config = await backend.load(configFile);
    await assert.rejects(createRepository(backend, { ...options, password: 'second' }), { code: 'repository-exists' });
    assert.deepEqual(await backend.load(configFile), config);
    assert.deepEqual(await names(backend, 'key'), [keyId]);
  });

  it('touches nothing where a repository lost its config', async () => {
    for (const kind of ['snapshot', 'index', 'pack'] as const) {
      const backend = new MemoryBackend();
      await backend.save({ kind, name: 'a'.repeat(64) }, Buffer.from('x'));
      await assert.rejects(createRepository(backend, options), { code: 'repository-exists', message: /lost its config/ });
      assert.deepEqual(await names(backend, 'key'), []);
    }
  });

  it('after a kill at any write, opens or can be created again', async () => {
    const killed = new HoldfastError('storage-failed', 'killed');
    const deaths: PlannedFault[] = (['before', 'after'] as const).flatMap((when) => [
      { operation: 'save', fileKind: 'key', nth: 1, fault: { kind: 'fail', error: killed, when } },
      { operation: 'save', fileKind: 'config', nth: 1, fault: { kind: 'fail', error: killed, when } },
    ]);
    for (const death of deaths) {
      const backend = new MemoryBackend();
      await assert.rejects(createRepository(new FaultyBackend(backend, [death]), options), killed);
      if (!(await backend.exists(configFile))) await createRepository(backend, options);
      await openRepository(backend, { password: 'first' });
      assert.equal((await names(backend, 'key')).length, 1);
    }
  });

  it('a key that a killed creation left does not disturb when it was not yet removed', async () => {
    const backend = new MemoryBackend();
    await assert.rejects(
      createRepository(new FaultyBackend(backend, [{ operation: 'save', fileKind: 'config', nth: 1, fault: { kind: 'fail' } }]), options),
    );
    const keepsAll = new FaultyBackend(backend, [{ operation: 'remove', nth: 1, fault: { kind: 'fail' } }]);
    await assert.rejects(createRepository(keepsAll, options), { code: 'storage-failed' });
    assert.equal((await names(backend, 'key')).length, 2);
    await openRepository(backend, { password: 'first' });
  });

  it('of several that create at once one wins, and its key alone stays', async () => {
    for (let round = 0; round < 20; round++) {
      const backend = new MemoryBackend();
      const passwords = ['a', 'b', 'c', 'd'];
      const results = await Promise.allSettled(passwords.map((password) => createRepository(backend, { ...options, password })));
      const winners = results.flatMap((result, n) => (result.status === 'fulfilled' ? [passwords[n] ?? ''] : []));
      assert.equal(winners.length, 1);
      await openRepository(backend, { password: winners[0] ?? '' });
      assert.equal((await names(backend, 'key')).length, 1);
    }
  });

  it('does not keep a key that was stored wrongly', async () => {
    const backend = new MemoryBackend();
    const faulty = new FaultyBackend(backend, [{ operation: 'save', fileKind: 'key', nth: 1, fault: { kind: 'flip-bit', bit: 900 } }]);
    await assert.rejects(createRepository(faulty, options), { code: 'damaged' });
    assert.deepEqual(await names(backend, 'key'), []);
    assert.equal(await backend.exists(configFile), false);
  });
});

async function names(backend: MemoryBackend, kind: (typeof fileKinds)[number]): Promise<string[]> {
  return (await Array.fromAsync(backend.list(kind))).map(({ name }) => name);
}
