/** A repository to copy from, planted blob by blob, and one to copy to. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { HoldfastEvent } from '../../src/base/events.ts';
import type { SnapshotId } from '../../src/base/ids.ts';
import type { IndexedPack } from '../../src/format/index-file.ts';
import { checkRepository } from '../../src/repository/check/check-repository.ts';
import type { CopyOptions, CopyReport, SnapshotOutcome } from '../../src/repository/copy/copy-options.ts';
import { copySnapshots } from '../../src/repository/copy/copy-snapshots.ts';
import { Repository } from '../../src/repository/repository.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from '../../src/storage/wrappers/faulty-backend.ts';
import { localRepository, quickScrypt, testPassword } from './new-repository.ts';
import { directoryNode, fileNode, PlantedRepository } from './planted-repository.ts';
import { pseudoRandomBytes } from './pseudo-random.ts';
import { temporaryFolder } from './temporary-folder.ts';

type Place = 'local' | 'memory';

/** A source and a destination of a copy. Two snapshots: `whole` has a folder and two files, `second` shares the folder and has a file of its own. */
export class Scene {
  readonly source: Repository;
  readonly destination: Repository;
  readonly planted: PlantedRepository;
  readonly events: HoldfastEvent[] = [];
  readonly outcomes: SnapshotOutcome[] = [];
  readonly contents = { shared: 'shared '.repeat(3000), own: 'own '.repeat(5000), noise: pseudoRandomBytes(300_000, 7) };
  packs: Record<'data' | 'own' | 'trees' | 'second', IndexedPack> | undefined;
  ids: { first: SnapshotId; second: SnapshotId } | undefined;

  constructor(source: Repository, destination: Repository) {
    this.source = source;
    this.destination = destination;
    this.planted = new PlantedRepository(source.backend, source.masterKey);
  }

  static async create(
    t: TestContext,
    places: { from?: Place; to?: Place; version?: number; faults?: readonly PlannedFault[] } = {},
  ): Promise<Scene> {
    const folder = temporaryFolder(t);
    const source = await repositoryAt(places.from ?? 'local', join(folder, 'source'));
    const destination = await repositoryAt(places.to ?? 'local', join(folder, 'destination'), places.version, places.faults);
    t.after(async () => {
      await source.close();
      await destination.close();
    });
    const scene = new Scene(source, destination);
    await scene.#plant();
    return scene;
  }

  async #plant(): Promise<void> {
    const { planted, contents } = this;
    const [shared, own, noise] = [
      planted.blob('data', contents.shared),
      planted.blob('data', contents.own),
      planted.blob('data', contents.noise),
    ];
    const folder = planted.tree([fileNode('shared', [shared.id, noise.id], contents.shared.length + contents.noise.length)]);
    const first = planted.tree([directoryNode('folder', folder.id)]);
    const second = planted.tree([directoryNode('folder', folder.id), fileNode('own', [own.id], contents.own.length)]);
    this.packs = {
      data: await planted.pack([shared, noise]),
      own: await planted.pack([own]),
      trees: await planted.pack([folder, first]),
      second: await planted.pack([second]),
    };
    await planted.index(Object.values(this.packs));
    this.ids = { first: await planted.snapshot(first.id), second: await planted.snapshot(second.id) };
  }

  get placed(): NonNullable<Scene['packs']> {
    return this.packs ?? assert.fail();
  }

  async copy(options: Partial<CopyOptions> = {}): Promise<CopyReport> {
    this.events.length = 0;
    this.outcomes.length = 0;
    return await copySnapshots(this.source, this.destination, {
      snapshots: await this.source.snapshots.list(),
      workerCount: 2,
      events: (event) => void this.events.push(event),
      onSnapshot: (outcome) => void this.outcomes.push(outcome),
      ...options,
    });
  }

  /** Nothing is wrong with the destination, read from its first byte to the last. */
  async assertDestinationWhole(): Promise<void> {
    const report = await checkRepository(this.destination, { readData: true, workerCount: 1 });
    assert.deepEqual(report.errors, []);
  }

  async stored(kind: 'pack' | 'index' | 'snapshot'): Promise<string[]> {
    return (await Array.fromAsync(this.destination.backend.list(kind))).map(({ name }) => name);
  }

  failures(): string[] {
    return this.events.flatMap((event) => (event.kind === 'failure' ? [event.error.message] : []));
  }
}

async function repositoryAt(place: Place, path: string, version?: number, faults: readonly PlannedFault[] = []): Promise<Repository> {
  if (place === 'local' && version === undefined && faults.length === 0) return await localRepository(path);
  if (place === 'local') await (await localRepository(path)).close();
  return await Repository.create(new FaultyBackend(new MemoryBackend(), faults), {
    password: testPassword,
    scryptCost: quickScrypt,
    version,
  });
}
