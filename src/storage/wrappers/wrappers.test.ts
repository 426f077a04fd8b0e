import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { HoldfastError } from '../../base/errors.ts';
import { configFile, type StoredFile } from '../backend.ts';
import { describeBackend } from '../conformance.ts';
import { LocalBackend } from '../local/local-backend.ts';
import { MemoryBackend } from '../memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from './faulty-backend.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';
import { ReadOnlyBackend } from './read-only-backend.ts';

describeBackend('FaultyBackend without a plan, around a LocalBackend,', async () => {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-wrapped-'));
  return {
    backend: new FaultyBackend(new LocalBackend({ path }), []),
    reopen: async () => new LocalBackend({ path }),
    dispose: async () => rmSync(path, { recursive: true, force: true }),
  };
});

describeBackend('ForwardingBackend around a MemoryBackend', async () => {
  const backend = new ForwardingBackend(new MemoryBackend());
  return { backend, reopen: async () => backend, dispose: async () => {} };
});

const file: StoredFile = { kind: 'index', name: 'a'.repeat(64) };
const bytes = Buffer.from('0123456789');

describe('ReadOnlyBackend', () => {
  it('reads, and refuses whatever writes', async () => {
    const inner = new MemoryBackend();
    await inner.save(configFile, bytes);
    await inner.save(file, bytes);
    const backend = new ReadOnlyBackend(inner);
    await backend.open();
    assert.deepEqual(await backend.load(file), bytes);
    assert.equal((await Array.fromAsync(backend.list('index'))).length, 1);
    assert.equal(backend.capabilities.isReadOnly, true);
    const calls = [
      () => backend.save(),
      () => backend.adopt(),
      () => backend.remove(),
      () => backend.create(),
      () => backend.stagingFolder(),
    ];
    for (const call of calls) await assert.rejects(call, { code: 'storage-denied' });
    assert.deepEqual(await inner.load(file), bytes);
  });
});

describe('FaultyBackend', () => {
  const faulty = async (...plan: PlannedFault[]) => {
    const inner = new MemoryBackend();
    await inner.save(file, bytes);
    return { inner, backend: new FaultyBackend(inner, plan) };
  };

  it('fails at the call that was named, and only there', async () => {
    const { backend } = await faulty({ operation: 'load', nth: 2, fault: { kind: 'fail' } });
    await backend.load(file);
    await assert.rejects(backend.load(file), { code: 'storage-failed', isRetryable: true });
    await backend.load(file);
  });

  it('fails with the error that was given, as often as was told', async () => {
    const error = new HoldfastError('storage-full', 'no room');
    const { backend } = await faulty({ operation: 'save', nth: 1, times: 2, fault: { kind: 'fail', error } });
    await assert.rejects(backend.save(file, bytes), error);
    await assert.rejects(backend.save(file, bytes), error);
    await backend.save(file, bytes);
  });

  it('counts only calls for the kind of file that was named', async () => {
    const { backend } = await faulty({ operation: 'load', fileKind: 'lock', nth: 1, fault: { kind: 'fail' } });
    await backend.load(file);
    await assert.rejects(backend.load({ kind: 'lock', name: file.name }), { code: 'storage-failed' });
  });

  it('can lose the answer of a call that had its effect', async () => {
    const { inner, backend } = await faulty({ operation: 'remove', nth: 1, fault: { kind: 'fail', when: 'after' } });
    await assert.rejects(backend.remove(file), { code: 'storage-failed' });
    assert.equal(await inner.exists(file), false);
  });

  it('gives fewer bytes, or a turned bit, or takes its time', async () => {
    const { backend } = await faulty(
      { operation: 'load', nth: 1, fault: { kind: 'short-read', missingBytes: 3 } },
      { operation: 'load', nth: 2, fault: { kind: 'flip-bit', bit: 8 } },
      { operation: 'load', nth: 3, fault: { kind: 'delay', ms: 20 } },
    );
    assert.equal((await backend.load(file)).toString(), '0123456');
    assert.equal((await backend.load(file)).toString(), '0023456789');
    const before = performance.now();
    assert.deepEqual(await backend.load(file), bytes);
    assert.ok(performance.now() - before >= 19);
  });

  it('stores a turned bit without changing the bytes of the caller', async () => {
    const { inner, backend } = await faulty({ operation: 'save', nth: 1, fault: { kind: 'flip-bit', bit: 0 } });
    const given = Buffer.from(bytes);
    await backend.save(file, given);
    assert.deepEqual(given, bytes);
    assert.equal((await inner.load(file)).toString(), '1123456789');
  });
});
