import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CacheSetting } from '../../../test/support/cache-setting.ts';
import { CountingBackend } from '../../../test/support/counting-backend.ts';
import { pseudoRandomBytes } from '../../../test/support/pseudo-random.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { describeBackend } from '../conformance.ts';
import { LocalBackend } from '../local/local-backend.ts';
import { MemoryBackend } from '../memory/memory-backend.ts';
import { CacheBackend } from './cache-backend.ts';
import { CacheFolder } from './cache-folder.ts';
import { FaultyBackend } from './faulty-backend.ts';

const mebibyte = 1 << 20;
const trees = { holdsTrees: true } as const;

describeBackend('CacheBackend around a LocalBackend', async () => {
  const cleanups: (() => void)[] = [];
  const t = { after: (work: () => void) => cleanups.push(work) };
  const [path, cache] = [temporaryFolder(t), temporaryFolder(t)];
  const open = () => new CacheBackend(new LocalBackend({ path }), new CacheFolder({ path: join(cache, 'c'), limitBytes: mebibyte }));
  return { backend: open(), reopen: async () => open(), dispose: async () => cleanups.forEach((work) => work()) };
});

describeBackend('CacheBackend around a MemoryBackend, with a cache that cannot be written,', async () => {
  const backend = new CacheBackend(new MemoryBackend(), new CacheFolder({ path: '/dev/null/cache', limitBytes: mebibyte }));
  return { backend, reopen: async () => backend, dispose: async () => {} };
});

describe('CacheBackend', () => {
  for (const kind of ['snapshot', 'index'] as const) {
    it(`loads a ${kind} from the storage once, whichever process asks`, async (t) => {
      const setting = new CacheSetting(t);
      const { file, bytes } = await setting.plant(kind, 1);
      for (const _process of [1, 2, 3]) assert.deepEqual(await setting.open().load(file), bytes);
      assert.equal(setting.storage.take(kind), 1);
    });

    it(`does not ask the storage for a ${kind} that was saved through it`, async (t) => {
      const setting = new CacheSetting(t);
      const bytes = Buffer.from(pseudoRandomBytes(700, 2));
      const file = { kind, name: hash('sha256', bytes, 'hex') };
      await setting.open().save(file, bytes);
      assert.deepEqual(await setting.open().load(file), bytes);
      assert.equal(setting.storage.take(kind), 0);
    });
  }

  it('keeps no key, no lock, no config and no pack of data', async (t) => {
    const setting = new CacheSetting(t);
    const backend = setting.open();
    for (const kind of ['key', 'lock', 'pack'] as const) {
      const { file, bytes } = await setting.plant(kind, 3);
      assert.deepEqual(await backend.load(file), bytes);
      assert.deepEqual(await backend.load(file, { offset: 5, length: 9 }), bytes.subarray(5, 14));
      assert.equal(setting.storage.take(kind), 2);
    }
    assert.deepEqual(setting.files(), []);
  });

  it('fetches a pack of trees whole for the first of them, once for all who ask at once, and reads the others from its copy', async (t) => {
    const setting = new CacheSetting(t);
    const { file, bytes } = await setting.plant('pack', 4, 300_000);
    const backend = setting.open();
    const spans = Array.from({ length: 50 }, (_, n) => ({ offset: n * 6_000, length: 100 + n }));
    const load = async ({ offset, length }: { offset: number; length: number }): Promise<void> =>
      assert.deepEqual(await backend.load(file, { ...trees, offset, length }), bytes.subarray(offset, offset + length));
    await Promise.all(spans.map(load));
    for (const span of spans.toReversed()) await load(span);
    assert.deepEqual(setting.storage.loads, [{ ...file, isWhole: true, sizeBytes: bytes.length }]);
    assert.deepEqual(await setting.open().load(file, { ...trees, offset: 9, length: 1 }), bytes.subarray(9, 10));
    assert.equal(setting.storage.loads.length, 1);
  });

  it('gives a pack out of the cache only to those who look for trees: a check of the data sees the storage', async (t) => {
    const setting = new CacheSetting(t);
    const { file } = await setting.plant('pack', 5);
    const backend = setting.open();
    await backend.load(file, { ...trees, offset: 0, length: 1 });
    assert.equal(setting.storage.take('pack'), 1);
    await backend.load(file);
    assert.equal(setting.storage.take('pack'), 1);
  });

  const harms: Record<string, (path: string) => void> = {
    'is gone': (path) => rmSync(path),
    'is empty': (path) => truncateSync(path, 0),
    'was cut': (path) => truncateSync(path, statSync(path).size - 1),
    'has a turned bit': (path) => {
      const bytes = readFileSync(path);
      bytes[2_000] = (bytes[2_000] ?? 0) ^ 4;
      writeFileSync(path, bytes);
    },
    'is longer': (path) => writeFileSync(path, 'more', { flag: 'a' }),
    'is a folder': (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    'is a named pipe': (path) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
    'is a link to something else': (path) => {
      rmSync(path);
      symlinkSync('/dev/zero', path);
    },
  };
  for (const [what, harm] of Object.entries(harms)) {
    it(`asks the storage when a copy ${what}, and ${/folder|pipe|link/.test(what) ? 'goes on without' : 'has a good one afterwards'}`, async (t) => {
      const setting = new CacheSetting(t);
      for (const kind of ['snapshot', 'index', 'pack'] as const) {
        const { file, bytes } = await setting.plant(kind, 6);
        const options = kind === 'pack' ? { ...trees, offset: 1_000, length: 2_000 } : {};
        const wanted = kind === 'pack' ? bytes.subarray(1_000, 3_000) : bytes;
        await setting.open().load(file, options);
        harm(setting.pathOf(file));
        setting.storage.take(kind);
        assert.deepEqual(await setting.open().load(file, options), wanted);
        assert.equal(setting.storage.take(kind), 1);
        if (/folder|pipe|link/.test(what)) continue;
        assert.deepEqual(readFileSync(setting.pathOf(file)), bytes);
        assert.deepEqual(await setting.open().load(file, options), wanted);
        assert.equal(setting.storage.take(kind), 0);
      }
    });
  }

  it('may lose its folder at any moment, also while a pack in it is open', async (t) => {
    const setting = new CacheSetting(t);
    const backend = setting.open();
    const pack = await setting.plant('pack', 7);
    const index = await setting.plant('index', 7);
    for (let round = 0; round < 5; round++) {
      assert.deepEqual(await backend.load(pack.file, { ...trees, offset: 3, length: 40 }), pack.bytes.subarray(3, 43));
      assert.deepEqual(await backend.load(index.file), index.bytes);
      rmSync(setting.folder, { recursive: true, force: true });
    }
    await backend.close();
  });

  it('replaces a copy that was cut while it was open, and reads the new one', async (t) => {
    const setting = new CacheSetting(t);
    const { file, bytes } = await setting.plant('pack', 14);
    await setting.open().load(file, { ...trees, offset: 0, length: 1 });
    const backend = setting.open();
    await backend.load(file, { ...trees, offset: 0, length: 1 });
    truncateSync(setting.pathOf(file), 10);
    setting.storage.take('pack');
    for (let n = 0; n < 3; n++) assert.deepEqual(await backend.load(file, { ...trees, offset: 900, length: 9 }), bytes.subarray(900, 909));
    assert.equal(setting.storage.take('pack'), 1);
  });

  it('fetches a pack whole no second time when the cache loses it', async (t) => {
    const setting = new CacheSetting(t);
    const [first, ...others] = await Promise.all(Array.from({ length: 40 }, (_, n) => setting.plant('pack', n)));
    assert.ok(first !== undefined);
    const backend = setting.open();
    // So many others are opened meanwhile that the first is closed.
    for (const { file } of [first, ...others]) await backend.load(file, { ...trees, offset: 0, length: 10 });
    rmSync(setting.folder, { recursive: true });
    setting.storage.take('pack');
    for (let n = 0; n < 3; n++) await backend.load(first.file, { ...trees, offset: n, length: 10 });
    assert.deepEqual(
      setting.storage.loads.map(({ sizeBytes }) => sizeBytes),
      [10, 10, 10],
    );
  });

  it('fetches no whole packs when it cannot keep them', async (t) => {
    const storage = new CountingBackend(new MemoryBackend());
    const bytes = Buffer.from(pseudoRandomBytes(9_000, 8));
    const packs = [1, 2].map((n) => ({ kind: 'pack', name: hash('sha256', bytes.subarray(n), 'hex') }) as const);
    for (const [n, file] of packs.entries()) await storage.save(file, bytes.subarray(n + 1));
    const backend = new CacheBackend(storage, new CacheFolder({ path: '/dev/null/cache', limitBytes: mebibyte }));
    t.after(() => backend.close());
    for (const file of packs) for (let n = 0; n < 3; n++) await backend.load(file, { ...trees, offset: n, length: 10 });
    // One of them was fetched before it was known.
    assert.equal(storage.loads.filter(({ isWhole }) => isWhole).length, 1);
  });

  it('keeps nothing that is not what its name says, and passes it on as it is', async (t) => {
    const setting = new CacheSetting(t);
    for (const kind of ['index', 'pack'] as const) {
      const file = { kind, name: 'd'.repeat(64) };
      await setting.storage.save(file, Buffer.from('something else'));
      const options = kind === 'pack' ? { ...trees, offset: 2, length: 3 } : {};
      assert.equal((await setting.open().load(file, options)).toString(), kind === 'pack' ? 'met' : 'something else');
    }
    assert.deepEqual(setting.files(), []);
  });

  it('asks the storage itself for those who got wrong bytes before', async (t) => {
    const setting = new CacheSetting(t);
    const { file, bytes } = await setting.plant('index', 9);
    const backend = setting.open();
    await backend.load(file);
    setting.storage.take('index');
    assert.deepEqual(await backend.load(file, { isFresh: true }), bytes);
    assert.equal(setting.storage.take('index'), 1);
    await backend.load(file);
    assert.equal(setting.storage.take('index'), 0);
  });

  it('drops what the storage no longer lists, and nothing when the list breaks off', async (t) => {
    const setting = new CacheSetting(t);
    const planted = await Promise.all([1, 2, 3].map((seed) => setting.plant('index', seed)));
    const backend = setting.open();
    for (const { file } of planted) await backend.load(file);
    await setting.storage.remove(planted[0]?.file ?? planted[1]?.file ?? { kind: 'index', name: '' });
    for await (const _file of backend.list('index')) break;
    assert.equal(setting.files().length, 3);
    await Array.fromAsync(backend.list('index'));
    assert.deepEqual(
      setting.files().sort(),
      planted
        .slice(1)
        .map(({ file }) => file.name)
        .sort(),
    );
  });

  it('takes over a copy of a pack of trees that a backup hands in, and leaves nothing behind when that fails', async (t) => {
    const setting = new CacheSetting(t);
    const bytes = Buffer.from(pseudoRandomBytes(4_000, 10));
    const file = { kind: 'pack', name: hash('sha256', bytes, 'hex') } as const;
    const staged = join(temporaryFolder(t), 'staged');
    writeFileSync(staged, bytes);
    const faulty = new FaultyBackend(setting.storage, [{ operation: 'adopt', nth: 1, fault: { kind: 'fail' } }]);
    await assert.rejects(setting.open(faulty).adopt(file, staged, trees), { code: 'storage-failed' });
    assert.deepEqual(setting.files(), []);
    await setting.open().adopt(file, staged, trees);
    assert.deepEqual(await setting.open().load(file, { ...trees, offset: 1, length: 2 }), bytes.subarray(1, 3));
    assert.equal(setting.storage.take('pack'), 0);
  });
});
