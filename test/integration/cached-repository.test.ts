/** A repository that is far away, with a cache in front: what is asked of the storage, and what happens when the cache rots. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { openCache } from '../../src/app/open-cache.ts';
import type { BlobId } from '../../src/base/ids.ts';
import { checkRepository } from '../../src/repository/check/check-repository.ts';
import { Repository } from '../../src/repository/repository.ts';
import { everySnapshot } from '../../src/repository/snapshot-filter.ts';
import { subtreeOf } from '../../src/repository/tree/tree-source.ts';
import { walkTree } from '../../src/repository/tree/walk.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { CountingBackend } from '../support/counting-backend.ts';
import { generateTree } from '../support/generated-tree.ts';
import { testPassword } from '../support/new-repository.ts';
import { RestoreSetting } from '../support/restore-setting.ts';

let setting: RestoreSetting;
let storage: CountingBackend;
let cache: string;
let tree: BlobId;
let open: (options?: { isTemporary?: boolean }) => Promise<Repository>;

beforeEach(async (context) => {
  const t = context as TestContext;
  setting = await RestoreSetting.create(t);
  generateTree(setting.source, { seed: 1, fileCount: 120, maxFileBytes: 2_000 });
  tree = await setting.backUp();
  cache = join(setting.folder, 'cache');
  open = async ({ isTemporary = false } = {}) => {
    storage = new CountingBackend(new LocalBackend({ path: setting.repositoryPath }));
    const request = { place: cache, limitBytes: 1 << 30, isTemporary };
    const inFront = async ({ config }: { config: { id: string } }) => await openCache(storage, { ...request, repositoryId: config.id });
    const repository = await Repository.open(storage, { password: testPassword, inFront });
    t.after(() => repository.close());
    return repository;
  };
});

/** Reads everything that a listing of a snapshot reads. */
async function walk(repository: Repository): Promise<string[]> {
  await repository.snapshots.select([], everySnapshot, {});
  await repository.loadIndex();
  const names: string[] = [];
  const source = { loadTree: (id: BlobId) => repository.loadTree(id) };
  await walkTree(source, tree, { onEntry: ({ node }) => (names.push(node.name.toString()), 'enter') }, {});
  return names;
}

function cachedPacks(): string[] {
  return readdirSync(cache, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() && /\/data\//u.test(`${entry.parentPath}/`) ? [join(entry.parentPath, entry.name)] : [],
  );
}

describe('a repository with a cache in front', () => {
  it('fetches snapshots, indexes and packs of trees once, and nothing of them in the next run', async () => {
    const first = await walk(await open());
    assert.deepEqual([storage.take('index') > 0, storage.take('snapshot'), storage.take('pack')], [true, 1, 1]);
    assert.deepEqual(await walk(await open()), first);
    assert.deepEqual([storage.take('index'), storage.take('snapshot'), storage.take('pack')], [0, 0, 0]);
  });

  it('lists the same when every copy in the cache has rotted between two runs', async () => {
    const first = await walk(await open());
    for (const entry of readdirSync(cache, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.length !== 64) continue;
      const path = join(entry.parentPath, entry.name);
      writeFileSync(path, Buffer.from(readFileSync(path).map((byte) => byte ^ 0x80)));
    }
    assert.deepEqual(await walk(await open()), first);
    assert.deepEqual([storage.take('index') > 0, storage.take('snapshot'), storage.take('pack')], [true, 1, 1]);
  });

  it('lists the same when copies rot or vanish after they were proved and opened', async () => {
    for (const harm of [
      (path: string) => writeFileSync(path, Buffer.alloc(readFileSync(path).length, 7)),
      (path: string) => writeFileSync(path, ''),
      (path: string) => rmSync(path),
    ]) {
      const repository = await open();
      // The first load fetches the pack, the second opens its copy.
      const folder = (await repository.loadTree(tree)).find(({ type }) => type === 'dir');
      assert.ok(folder !== undefined);
      await repository.loadTree(subtreeOf(folder, 'a folder'));
      for (const path of cachedPacks()) harm(path);
      assert.ok((await walk(repository)).length > 10);
      assert.deepEqual(await walk(await open()), await walk(repository));
    }
  });

  it('a check of all data reads every pack from the storage, whatever the cache has', async () => {
    await walk(await open());
    const repository = await open();
    const report = await checkRepository(repository, { readData: true, workerCount: 1 });
    const whole = storage.loads.filter(({ kind, isWhole }) => kind === 'pack' && isWhole);
    assert.equal(report.errorCount, 0);
    assert.equal(new Set(whole.map(({ name }) => name)).size, report.packCount);
  });

  it('a cache for one run begins empty and leaves nothing', async () => {
    await walk(await open());
    const kept = readdirSync(cache).sort();
    const repository = await open({ isTemporary: true });
    await walk(repository);
    assert.ok(storage.take('index') > 0 && storage.take('pack') === 1);
    assert.equal(readdirSync(cache).length, kept.length + 1);
    await repository.close();
    assert.deepEqual(readdirSync(cache).sort(), kept);
  });
});
