import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { failure } from '../../../test/support/failure.ts';
import { quickScrypt, testPassword } from '../../../test/support/new-repository.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { systemRandomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { configFile, type SaveOptions, type StoredFile } from '../../storage/backend.ts';
import { LocalBackend } from '../../storage/local/local-backend.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from '../../storage/wrappers/faulty-backend.ts';
import { Repository } from '../repository.ts';
import { openConfig, type RepositoryConfig } from '../repository-config.ts';
import { findMigration } from './migrations.ts';
import { replaceConfig } from './replace-config.ts';

const toVersion2 = (config: RepositoryConfig): RepositoryConfig => ({ ...config, version: 2 });
const refusal = new HoldfastError('storage-full', 'no room');
const failing: PlannedFault = { operation: 'save', fileKind: 'config', nth: 1, fault: { kind: 'fail', error: refusal } };

/** What a storage that is no file system may do: take the old config away, and then have no room for the new one. */
class LosingBackend extends MemoryBackend {
  isBroken = false;
  #saves = 0;
  readonly #mended: number;

  constructor(mended: number) {
    super();
    this.#mended = mended;
  }

  override async save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    if (file.kind === 'config' && this.isBroken && this.#saves++ < this.#mended) {
      await this.remove(file);
      throw refusal;
    }
    await super.save(file, bytes, options);
  }
}

class Scene {
  readonly folder: string;
  readonly repository: Repository;
  readonly old: Buffer;

  constructor(folder: string, repository: Repository, old: Buffer) {
    this.folder = folder;
    this.repository = repository;
    this.old = old;
  }

  static async create(t: TestContext, backend = new MemoryBackend()): Promise<Scene> {
    const repository = await Repository.create(backend, { password: testPassword, scryptCost: quickScrypt, version: 1 });
    t.after(() => repository.close());
    return new Scene(temporaryFolder(t), repository, await backend.load(configFile));
  }

  async replace(plan: readonly PlannedFault[] = []): Promise<void> {
    const { masterKey, backend } = this.repository;
    await replaceConfig({ backend: new FaultyBackend(backend, plan), masterKey, folder: this.folder }, toVersion2);
  }

  async stored(): Promise<Buffer> {
    return await this.repository.backend.load(configFile);
  }

  async config(): Promise<RepositoryConfig | undefined> {
    return openConfig(await this.stored(), this.repository.masterKey, systemRandomness);
  }
}

describe('replacing the config', () => {
  it('changes the version, and leaves id, polynomial and key as they are, and no copy behind', async (t) => {
    const scene = await Scene.create(t);
    await scene.replace();
    const { id, polynomial } = scene.repository.config;
    assert.deepEqual(await scene.config(), { version: 2, id, polynomial });
    assert.deepEqual(readdirSync(scene.folder), []);
  });

  it('changes nothing when the new one cannot be written, and says so', async (t) => {
    const scene = await Scene.create(t);
    const error = await failure(scene.replace([failing]), 'storage-full');
    assert.match(error.message, /no room.*the old config is still there, and nothing has changed/u);
    assert.deepEqual(await scene.stored(), scene.old);
    assert.deepEqual(readdirSync(scene.folder), []);
  });

  it('has succeeded when only the answer was lost', async (t) => {
    const scene = await Scene.create(t);
    await scene.replace([{ ...failing, fault: { kind: 'fail', error: refusal, when: 'after' } }]);
    assert.equal((await scene.config())?.version, 2);
  });

  it('puts the old one back when the storage lost it, or stored something else', async (t) => {
    const losing = new LosingBackend(1);
    const lost = await Scene.create(t, losing);
    losing.isBroken = true;
    assert.match((await failure(lost.replace(), 'storage-full')).message, /the old config was put back/u);
    assert.deepEqual(await lost.stored(), lost.old);
    const flipped = await Scene.create(t);
    const error = await failure(flipped.replace([{ ...failing, fault: { kind: 'flip-bit', bit: 300 } }]), 'storage-failed');
    assert.match(error.message, /what was read back differs.*the old config was put back/u);
    assert.deepEqual(await flipped.stored(), flipped.old);
    assert.deepEqual([...readdirSync(lost.folder), ...readdirSync(flipped.folder)], []);
  });

  it('leaves a copy on this machine when even that fails, and says where it is', async (t) => {
    const losing = new LosingBackend(Number.POSITIVE_INFINITY);
    const scene = await Scene.create(t, losing);
    losing.isBroken = true;
    const error = await failure(scene.replace(), 'storage-full');
    const [name] = readdirSync(scene.folder);
    const copy = join(scene.folder, name ?? '', 'config');
    assert.ok(error.hint?.includes(copy), error.hint);
    assert.deepEqual(readFileSync(copy), scene.old);
  });

  it('begins nothing where the copy cannot be written', async (t) => {
    const scene = await Scene.create(t);
    const { backend, masterKey } = scene.repository;
    await failure(replaceConfig({ backend, masterKey, folder: '/nonexistent' }, toVersion2), 'storage-missing');
    assert.deepEqual(await scene.stored(), scene.old);
  });

  it('works in a folder, whose config is read-only for its owner too', async (t) => {
    const path = join(temporaryFolder(t), 'repository');
    mkdirSync(path);
    await using repository = await Repository.create(new LocalBackend({ path }), {
      password: testPassword,
      scryptCost: quickScrypt,
      version: 1,
    });
    await findMigration('upgrade_repo_v2').apply(repository);
    await using opened = await Repository.open(new LocalBackend({ path }), { password: testPassword });
    assert.equal(opened.config.version, 2);
    assert.equal(opened.config.polynomial, repository.config.polynomial);
  });
});
