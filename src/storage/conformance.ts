/**
 * What every backend must do, as one suite. Call it from a test file with a way to make an empty backend:
 * it is run on every implementation and on every wrapper that claims to change nothing.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { HoldfastError } from '../base/errors.ts';
import { type Backend, configFile, fileKinds, type StoredFile } from './backend.ts';
import { byName, namesOf, rejectsWith, sample } from './conformance-samples.ts';

export interface BackendUnderTest {
  /** Not yet created. */
  readonly backend: Backend;
  /** Another backend on the same place, as another process would have it. */
  readonly reopen: () => Promise<Backend>;
  readonly dispose: () => Promise<void>;
}

const contentKinds = fileKinds.filter((kind) => kind !== 'config');

export function describeBackend(name: string, make: () => Promise<BackendUnderTest>): void {
  describe(`${name} keeps the contract of backends`, () => {
    let subject: BackendUnderTest;
    const current = () => subject;
    beforeEach(async () => {
      subject = await make();
    });
    afterEach(async () => {
      await subject.backend.close();
      await subject.dispose();
    });
    describeLife(current);
    describeFiles(current);
    describeParts(current);
    describeAdoption(current);
    describeLists(current);
    describeCancellation(current);
  });
}

function describeLife(current: () => BackendUnderTest): void {
  it('opening a place without a config says that the repository is missing', async () => {
    await rejectsWith('repository-missing', current().backend.open());
    await current().backend.create();
    await rejectsWith('repository-missing', current().backend.open());
  });

  it('a place opens once it has a config, for other processes too', async () => {
    const { backend } = current();
    await backend.create();
    await backend.save(configFile, Buffer.from('settings'));
    await backend.open();
    const other = await current().reopen();
    await other.open();
    assert.equal((await other.load(configFile)).toString(), 'settings');
    await other.close();
  });

  it('a place with a config is not created again, and its config is not replaced', async () => {
    const { backend } = current();
    await backend.create();
    await backend.save(configFile, Buffer.from('first'));
    await rejectsWith('repository-exists', backend.create());
    await rejectsWith('repository-exists', backend.save(configFile, Buffer.from('second')));
    assert.equal((await backend.load(configFile)).toString(), 'first');
  });

  it('a config takes the place of another when that is said, also where there is none', async () => {
    const { backend } = current();
    await backend.create();
    for (const content of ['first', 'second, which is longer', 'third']) {
      await backend.save(configFile, Buffer.from(content), { replacesConfig: true });
      assert.equal((await backend.load(configFile)).toString(), content);
    }
    assert.equal((await Array.fromAsync(backend.list('config'))).length, 1);
    await rejectsWith('repository-exists', backend.save(configFile, Buffer.from('fourth')));
  });

  it('of many configs saved at once exactly one wins', async () => {
    const { backend } = current();
    await backend.create();
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => backend.save(configFile, Buffer.from(`config ${n}`))));
    const winners = attempts.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
    assert.equal(winners.length, 1);
    assert.equal((await backend.load(configFile)).toString(), `config ${winners[0]}`);
  });
}

function describeFiles(current: () => BackendUnderTest): void {
  for (const kind of contentKinds) {
    it(`a saved ${kind} is loaded with the same bytes, then removed`, async () => {
      const { backend } = current();
      await backend.create();
      const { file, bytes } = sample(kind, 1);
      assert.equal(await backend.exists(file), false);
      await backend.save(file, bytes);
      assert.equal(await backend.exists(file), true);
      assert.deepEqual(await backend.stat(file), { sizeBytes: bytes.length });
      assert.deepEqual(await backend.load(file), bytes);
      await backend.remove(file);
      assert.equal(await backend.exists(file), false);
    });
  }

  it('a file may be saved again, and removed again', async () => {
    const { backend } = current();
    await backend.create();
    const { file, bytes } = sample('index', 2);
    await backend.save(file, bytes);
    await backend.save(file, bytes);
    assert.deepEqual(await backend.load(file), bytes);
    await backend.remove(file);
    await backend.remove(file);
    await rejectsWith('storage-missing', backend.load(file));
  });

  it('a file that is not there is reported as missing', async () => {
    const { backend } = current();
    await backend.create();
    const { file } = sample('snapshot', 3);
    await rejectsWith('storage-missing', backend.load(file));
    await rejectsWith('storage-missing', backend.stat(file));
  });

  it('an empty file is a file', async () => {
    const { backend } = current();
    await backend.create();
    // Its true name: a server may verify that.
    const file: StoredFile = { kind: 'lock', name: createHash('sha256').digest('hex') };
    await backend.save(file, new Uint8Array(0));
    assert.equal((await backend.load(file)).length, 0);
    assert.deepEqual(await namesOf(backend, 'lock'), [file.name]);
  });

  it('a name that is no id is refused before it reaches the storage', async () => {
    const { backend } = current();
    await backend.create();
    for (const name of ['', '..', '../config', 'x'.repeat(64), 'A'.repeat(64), `${'a'.repeat(64)}/..`]) {
      await rejectsWith('internal', backend.save({ kind: 'pack', name }, Buffer.from('x')));
      await rejectsWith('internal', backend.load({ kind: 'pack', name }));
      await rejectsWith('internal', backend.remove({ kind: 'pack', name }));
      assert.throws(() => backend.pathOf({ kind: 'pack', name }), HoldfastError);
    }
  });

  it('what the caller does with its bytes afterwards changes nothing', async () => {
    const { backend } = current();
    await backend.create();
    const { file, bytes } = sample('pack', 5);
    const given = Buffer.from(bytes);
    await backend.save(file, given);
    given.fill(0);
    (await backend.load(file)).fill(0);
    assert.deepEqual(await backend.load(file), bytes);
  });

  it('many files saved at once are all there', async () => {
    const { backend } = current();
    await backend.create();
    const samples = Array.from({ length: 60 }, (_, n) => sample('pack', n));
    await Promise.all(samples.map(({ file, bytes }) => backend.save(file, bytes)));
    for (const { file, bytes } of samples) assert.deepEqual(await backend.load(file), bytes);
  });
}

function describeParts(current: () => BackendUnderTest): void {
  it('a part of a file is exactly the bytes asked for', async () => {
    const { backend } = current();
    await backend.create();
    const { file, bytes } = sample('pack', 6);
    await backend.save(file, bytes);
    assert.deepEqual(await backend.load(file, { offset: 7, length: 11 }), bytes.subarray(7, 18));
    assert.deepEqual(await backend.load(file, { offset: 7 }), bytes.subarray(7));
    assert.deepEqual(await backend.load(file, { length: 0 }), Buffer.alloc(0));
    assert.deepEqual(await backend.load(file, { offset: bytes.length }), Buffer.alloc(0));
    assert.deepEqual(await backend.load(file, { offset: bytes.length - 1, length: 1 }), bytes.subarray(-1));
  });

  it('bytes beyond the end of a file are damage', async () => {
    const { backend } = current();
    await backend.create();
    const { file, bytes } = sample('pack', 7);
    await backend.save(file, bytes);
    await rejectsWith('damaged', backend.load(file, { length: bytes.length + 1 }));
    await rejectsWith('damaged', backend.load(file, { offset: bytes.length, length: 1 }));
    await rejectsWith('damaged', backend.load(file, { offset: bytes.length + 1 }));
  });

  it('a file larger than the caller allows is damage', async () => {
    const { backend } = current();
    await backend.create();
    const { file, bytes } = sample('key', 8);
    await backend.save(file, bytes);
    await rejectsWith('damaged', backend.load(file, { maxBytes: bytes.length - 1 }));
    assert.equal((await backend.load(file, { maxBytes: bytes.length })).length, bytes.length);
  });
}

function describeAdoption(current: () => BackendUnderTest): void {
  it('a staged file is adopted, and leaves the staging folder', async () => {
    const { backend } = current();
    await backend.create();
    const { file, bytes } = sample('pack', 9);
    const staged = join(await backend.stagingFolder(), 'any name');
    await writeFile(staged, bytes);
    await backend.adopt(file, staged);
    assert.deepEqual(await backend.load(file), bytes);
    await assert.rejects(access(staged));
  });

  it('a staged file that is not there is reported and leaves nothing behind', async () => {
    const { backend } = current();
    await backend.create();
    const { file } = sample('pack', 10);
    await rejectsWith('storage-missing', backend.adopt(file, join(await backend.stagingFolder(), 'nothing')));
    assert.equal(await backend.exists(file), false);
  });

  it('staged files are never listed, and are gone after closing', async () => {
    const { backend } = current();
    await backend.create();
    const staged = join(await backend.stagingFolder(), sample('pack', 11).file.name);
    await writeFile(staged, 'unfinished');
    for (const kind of fileKinds) assert.deepEqual(await namesOf(backend, kind), []);
    await backend.close();
    await assert.rejects(access(staged));
  });

  it('a path is given exactly where the backend says that its files are local', async () => {
    const { backend } = current();
    await backend.create();
    const { file, bytes } = sample('pack', 12);
    await backend.save(file, bytes);
    const path = backend.pathOf(file);
    assert.equal(path !== undefined, backend.capabilities.localFiles);
    if (path !== undefined) await access(path);
  });
}

function describeLists(current: () => BackendUnderTest): void {
  it('a list names each file of its kind once, with its size', async () => {
    const { backend } = current();
    await backend.create();
    await backend.save(configFile, Buffer.from('abc'));
    for (const kind of contentKinds) {
      for (const n of [20, 21, 22]) await backend.save(sample(kind, n).file, sample(kind, n).bytes);
    }
    for (const kind of contentKinds) {
      const expected = [20, 21, 22].map((n) => ({ name: sample(kind, n).file.name, sizeBytes: sample(kind, n).bytes.length }));
      const found = await Array.fromAsync(backend.list(kind));
      assert.deepEqual(found.sort(byName), expected.sort(byName));
      const named = await Array.fromAsync(backend.list(kind, { namesOnly: true }), ({ name }) => name);
      assert.deepEqual(
        named.sort(),
        expected.map(({ name }) => name),
      );
    }
    assert.deepEqual(await Array.fromAsync(backend.list('config')), [{ name: '', sizeBytes: 3 }]);
  });

  it('files may be removed while they are listed', async () => {
    const { backend } = current();
    await backend.create();
    const samples = Array.from({ length: 20 }, (_, n) => sample('pack', n));
    for (const { file, bytes } of samples) await backend.save(file, bytes);
    for await (const { name } of backend.list('pack')) await backend.remove({ kind: 'pack', name });
    assert.deepEqual(await namesOf(backend, 'pack'), []);
  });
}

function describeCancellation(current: () => BackendUnderTest): void {
  it('a signal that fired before ends every call as cancelled, and nothing is written', async () => {
    const { backend } = current();
    await backend.create();
    const { file, bytes } = sample('index', 13);
    const signal = AbortSignal.abort();
    await rejectsWith('cancelled', backend.save(file, bytes, { signal }));
    assert.equal(await backend.exists(file), false);
    await backend.save(file, bytes);
    await rejectsWith('cancelled', backend.load(file, { signal }));
    await rejectsWith('cancelled', backend.remove(file, { signal }));
    await rejectsWith('cancelled', Array.fromAsync(backend.list('index', { signal })));
    assert.deepEqual(await backend.load(file), bytes);
  });
}
