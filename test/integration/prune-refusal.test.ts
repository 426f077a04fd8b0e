import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { PruneLimits } from '../../src/repository/prune/decide.ts';
import { prune } from '../../src/repository/prune/prune.ts';
import type { PruneOptions } from '../../src/repository/prune/prune-options.ts';
import type { PruneStatistics } from '../../src/repository/prune/statistics.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { fileKinds } from '../../src/storage/backend.ts';
import { failure } from '../support/failure.ts';
import { memoryRepository } from '../support/new-repository.ts';
import { directoryNode, fileNode, PlantedRepository, type SealedBlob } from '../support/planted-repository.ts';

const limits: PruneLimits = {
  maxUnusedBytes: () => 0,
  maxRepackBytes: Number.POSITIVE_INFINITY,
  smallPackBytes: undefined,
  repackCacheableOnly: false,
  repackUncompressed: false,
};
const options: PruneOptions = {
  limits,
  packSizeBytes: 16 << 20,
  compression: 'auto',
  isDryRun: false,
  onPlanned: () => {},
  workerCount: 1,
};

/** A snapshot of one file in one folder, and a blob that nobody uses beside the file's. */
class Scene {
  readonly repository: Repository;
  readonly planted: PlantedRepository;
  readonly used: SealedBlob;
  readonly unused: SealedBlob;
  readonly folder: SealedBlob;
  readonly root: SealedBlob;

  static async create(t: TestContext): Promise<Scene> {
    const { repository } = await memoryRepository();
    t.after(() => repository.close());
    return new Scene(repository);
  }

  private constructor(repository: Repository) {
    this.repository = repository;
    this.planted = new PlantedRepository(repository.backend, repository.masterKey);
    this.used = this.planted.blob('data', 'in use');
    this.unused = this.planted.blob('data', 'not in use');
    this.folder = this.planted.tree([fileNode('file', [this.used.id], 6)]);
    this.root = this.planted.tree([directoryNode('folder', this.folder.id)]);
  }

  async plant(data: readonly SealedBlob[] = [this.used, this.unused], trees: readonly SealedBlob[] = [this.folder, this.root]) {
    const packs = [await this.planted.pack(data), await this.planted.pack(trees)] as const;
    const index = await this.planted.index(packs);
    return { data: packs[0], trees: packs[1], index, snapshot: await this.planted.snapshot(this.root.id) };
  }

  /** The prune fails like this, and every file is as it was. */
  async refuses(message: RegExp): Promise<void> {
    const before = await this.files();
    const error = await failure(prune(this.repository, options), 'damaged');
    assert.match(error.message, message);
    assert.match(error.hint ?? '', /Nothing (that is needed )?was removed/u);
    assert.deepEqual(await this.files(), before);
  }

  async files(): Promise<string[]> {
    const names: string[] = [];
    for (const kind of fileKinds) {
      for await (const { name, sizeBytes } of this.repository.backend.list(kind)) names.push(`${kind}/${name} ${sizeBytes}`);
    }
    return names;
  }
}

describe('prune refuses', () => {
  it('when a file needs a blob that no index has', async (t) => {
    const scene = await Scene.create(t);
    await scene.plant([scene.unused]);
    await scene.refuses(new RegExp(`data blob ${scene.used.id} \\(in tree ${scene.folder.id}\\)`, 'u'));
  });

  it('when a folder, or a snapshot, has a tree that no index has', async (t) => {
    const folder = await Scene.create(t);
    await folder.plant(undefined, [folder.root]);
    await folder.refuses(new RegExp(`tree blob ${folder.folder.id}`, 'u'));
    const root = await Scene.create(t);
    const { snapshot } = await root.plant(undefined, [root.folder]);
    await root.refuses(new RegExp(`snapshot ${snapshot} has the tree ${root.root.id}`, 'u'));
  });

  it('when a tree cannot be read', async (t) => {
    const scene = await Scene.create(t);
    const { trees } = await scene.plant(undefined, [{ ...scene.folder, sealed: scene.planted.seal(Buffer.from('{}')) }, scene.root]);
    await scene.refuses(new RegExp(`tree ${scene.folder.id} cannot be read.*${trees.id}`, 'u'));
  });

  it('when a snapshot cannot be read', async (t) => {
    const scene = await Scene.create(t);
    const { snapshot } = await scene.plant();
    await scene.repository.backend.save({ kind: 'snapshot', name: snapshot }, Buffer.from('no snapshot'));
    await scene.refuses(new RegExp(`snapshot ${snapshot}`, 'u'));
  });

  it('when a pack that is needed is missing, or has another size', async (t) => {
    const missing = await Scene.create(t);
    const gone = (await missing.plant()).data.id;
    await missing.repository.backend.remove({ kind: 'pack', name: gone });
    await missing.refuses(new RegExp(`${gone} is missing`, 'u'));
    const short = await Scene.create(t);
    const cut = { kind: 'pack', name: (await short.plant()).data.id } as const;
    await short.repository.backend.save(cut, (await short.repository.backend.load(cut)).subarray(1));
    await short.refuses(new RegExp(`${cut.name} has \\d+ bytes instead of \\d+`, 'u'));
  });

  it('when a blob that it has to copy is damaged', async (t) => {
    const scene = await Scene.create(t);
    const sealed = Buffer.from(scene.used.sealed);
    sealed[20] = (sealed[20] ?? 0) ^ 1;
    const { data } = await scene.plant([{ ...scene.used, sealed }, scene.unused]);
    await scene.refuses(new RegExp(`blob ${scene.used.id} in pack ${data.id} is damaged`, 'u'));
  });

  it('when an index cannot be read', async (t) => {
    const scene = await Scene.create(t);
    const { index } = await scene.plant();
    await scene.repository.backend.save({ kind: 'index', name: index }, Buffer.from('no index'));
    const before = await scene.files();
    assert.match((await failure(prune(scene.repository, options), 'damaged')).message, new RegExp(`index ${index}`, 'u'));
    assert.deepEqual(await scene.files(), before);
  });

  it('limits that cannot be kept', async (t) => {
    const { repository } = await Scene.create(t);
    for (const wrong of [
      { compression: 'off', limits: { ...limits, repackUncompressed: true } },
      { limits: { ...limits, smallPackBytes: 17 << 20 } },
    ] as const) {
      await failure(prune(repository, { ...options, ...wrong }), 'usage');
    }
  });
});

describe('prune', () => {
  it('takes the copy of a blob whose other pack is missing or cut short', async (t) => {
    const scene = await Scene.create(t);
    const { data, snapshot } = await scene.plant();
    const copy = await scene.planted.pack([scene.used]);
    await scene.planted.index([copy]);
    await scene.repository.backend.remove({ kind: 'pack', name: data.id });
    await prune(scene.repository, options);
    assert.equal((await scene.repository.loadBlob(0, scene.used.id)).toString(), 'in use');
    assert.equal((await scene.repository.loadBlob(1, scene.root.id)).length > 0, true);
    assert.equal((await scene.repository.snapshots.load(snapshot)).tree, scene.root.id);
  });

  it('dry, says what it would do and changes nothing, also without a lock', async (t) => {
    const scene = await Scene.create(t);
    await scene.plant();
    const before = await scene.files();
    for (const withoutLock of [true, false]) {
      const planned: PruneStatistics[] = [];
      await prune(scene.repository, { ...options, isDryRun: true, withoutLock, onPlanned: (statistics) => void planned.push(statistics) });
      assert.deepEqual([planned[0]?.blobs.used, planned[0]?.blobs.unused, planned[0]?.packs.repack], [3, 1, 1]);
      assert.deepEqual(await scene.files(), before);
    }
  });

  it('passes over snapshots that are about to be forgotten, in a dry run only', async (t) => {
    const scene = await Scene.create(t);
    const { snapshot } = await scene.plant();
    const ignoreSnapshots = new Set([snapshot]);
    const { statistics } = await prune(scene.repository, { ...options, isDryRun: true, ignoreSnapshots });
    assert.deepEqual([statistics.blobs.used, statistics.packs.remove], [0, 2]);
    await failure(prune(scene.repository, { ...options, ignoreSnapshots }), 'internal');
  });

  it('reads beside a backup, and removes nothing before that has ended', async (t) => {
    const scene = await Scene.create(t);
    await scene.plant();
    const backup = await scene.repository.lock({ isExclusive: false });
    const before = await scene.files();
    const { statistics } = await prune(scene.repository, { ...options, isDryRun: true });
    assert.equal(statistics.blobs.unused, 1);
    const error = await failure(prune(scene.repository, options), 'repository-locked');
    assert.equal(error.exitCode, 11);
    assert.deepEqual(await scene.files(), before);
    await backup.release();
    assert.equal((await prune(scene.repository, options)).statistics.blobs.removeTotal, 1);
    await failure(scene.repository.loadBlob(0, scene.unused.id), 'not-found');
  });

  it('stops as soon as its lock is gone, and before it removes anything', async (t) => {
    const scene = await Scene.create(t);
    await scene.plant();
    // Nobody knows this pack: it would be the first to go.
    const stray = await scene.planted.pack([scene.planted.blob('data', 'stray')]);
    const onPlanned = async (): Promise<void> => void (await scene.repository.removeAllLocks());
    await failure(prune(scene.repository, { ...options, onPlanned }), 'repository-locked');
    assert.ok(await scene.repository.backend.exists({ kind: 'pack', name: stray.id }));
    assert.ok((await scene.repository.loadBlob(0, scene.unused.id)).length > 0);
  });
});
