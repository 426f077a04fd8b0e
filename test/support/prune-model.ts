/**
 * A model of a repository that several writers work on: planted backups of all kinds, forgotten snapshots, prunes that end at any call of
 * the storage. After each step everything that the living snapshots use must be there, byte for byte.
 */
import assert from 'node:assert/strict';
import type { BlobId, IndexId, PackId, SnapshotId } from '../../src/base/ids.ts';
import type { IndexedPack } from '../../src/format/index-file.ts';
import type { PruneLimits } from '../../src/repository/prune/decide.ts';
import { executePlan } from '../../src/repository/prune/execute.ts';
import { planPacks, type PrunePlan } from '../../src/repository/prune/plan.ts';
import { PruneWorkers } from '../../src/repository/prune/prune-workers.ts';
import { Usage } from '../../src/repository/prune/usage.ts';
import { Repository } from '../../src/repository/repository.ts';
import { type Backend, fileKinds } from '../../src/storage/backend.ts';
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import { dataBlob, treeBlob } from '../../src/workers/index-table.ts';
import { testPassword } from './new-repository.ts';
import { directoryNode, fileNode, PlantedRepository, type SealedBlob, sha256 } from './planted-repository.ts';

interface Living {
  readonly id: SnapshotId;
  /** Everything that it uses. */
  readonly blobs: ReadonlyMap<string, SealedBlob>;
}

export interface PruneRunOptions {
  readonly limits: PruneLimits;
  /** Happens between the reading and the exclusive lock. */
  readonly meanwhile?: () => Promise<void>;
  /** What the prune writes to and removes from; the model's own unless told. */
  readonly backend?: Backend;
}

const packSizeBytes = 20_000;
/** Of contents: few enough that backups have much in common. */
const contentCount = 400;

export class PruneModel {
  readonly backend: Backend;
  readonly repository: Repository;
  readonly living: Living[] = [];
  readonly #planted: PlantedRepository;
  readonly #random: () => number;
  /** Packs that an index names although they are gone, on purpose. */
  readonly #missing = new Set<PackId>();

  constructor(repository: Repository, random: () => number) {
    this.backend = repository.backend;
    this.repository = repository;
    this.#planted = new PlantedRepository(repository.backend, repository.masterKey);
    this.#random = random;
  }

  /** The same repository once more, in memory. */
  async copy(): Promise<PruneModel> {
    const backend = new MemoryBackend();
    for (const kind of fileKinds) {
      for await (const { name } of this.backend.list(kind)) await backend.save({ kind, name }, await this.backend.load({ kind, name }));
    }
    const copy = new PruneModel(await Repository.open(backend, { password: testPassword }), this.#random);
    copy.living.push(...this.living);
    for (const id of this.#missing) copy.#missing.add(id);
    return copy;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /**
   * Some writer saves something: beside what the index has, or not knowing of it, as those do that began at the same time. It may be
   * broken off before its index or its snapshot, or write its index twice, or put data and trees into one pack as old programs did.
   */
  async backup(): Promise<void> {
    const known = this.chance(0.7) ? await this.#indexedBlobs() : new Set<string>();
    const { blobs, root } = this.#makeTrees();
    const missing = [...blobs.values()].filter(({ type, id }) => !known.has(`${type} ${id}`));
    const packs = await this.#pack(missing);
    if (this.chance(0.1)) return;
    for (let count = this.chance(0.1) ? 2 : 1; count > 0; count--) await this.#index(packs);
    if (this.chance(0.1)) return;
    this.living.push({ id: await this.#planted.snapshot(root), blobs });
  }

  async forget(): Promise<void> {
    const [gone] = this.living.splice(this.below(this.living.length), 1);
    if (gone !== undefined) await this.repository.snapshots.remove(gone.id);
  }

  /** An index that names a pack that nobody needs and that is gone. */
  async plantMissingPack(): Promise<void> {
    const pack = await this.#planted.pack([this.#planted.blob('data', `nobody needs this ${this.#random()}`)]);
    await this.#lose(pack.id);
    await this.#index([pack]);
  }

  /** An index so large that tables of it grow, and behind that second copies of all that snapshots use. */
  async plantCopiesBehind(entryCount: number): Promise<void> {
    const { id, blobs } = await this.#planted.pack([this.#planted.blob('data', 'nobody needs this')]);
    const [blob] = blobs;
    assert.ok(blob !== undefined);
    const many = Array.from({ length: entryCount }, (_, number) => ({
      ...blob,
      id: sha256(Buffer.from(`${number}`)) as BlobId,
      offset: number,
    }));
    await this.#lose(id);
    const used = new Map(this.living.flatMap((living) => [...living.blobs]));
    await this.#index([{ id, blobs: many }, ...(await this.#pack([...used.values()]))]);
  }

  /** As `prune`, but for its locks. @returns the plan that was executed; rejects with what the storage threw */
  async prune({ limits, meanwhile, backend = this.backend }: PruneRunOptions): Promise<PrunePlan> {
    await using workers = new PruneWorkers({ backend, key: this.repository.masterKey, workerCount: 2 });
    // The files of a repository whose storage has faults.
    await using repository =
      backend === this.backend ? undefined : await Repository.open(new BorrowedBackend(backend), { password: testPassword });
    const { files, snapshots, masterKey, config } = repository ?? this.repository;
    const target = { backend, files, snapshots, masterKey, config };
    const usage = await Usage.read({ repository: target, workers, ignoreSnapshots: new Set() });
    await meanwhile?.();
    const plan = await planPacks(await usage.renew(), { backend, workers, limits, version: 2 });
    const execution = {
      workers,
      packSizeBytes,
      compression: 'auto',
      monotonicMs: () => performance.now(),
      confirmLock: async () => {},
    } as const;
    await executePlan(plan, { repository: target, ...execution });
    return plan;
  }

  /** Reads everything that living snapshots use, through an index that is loaded anew. */
  async assertWhole(): Promise<void> {
    this.repository.forgetIndex();
    const needed = new Map(this.living.flatMap(({ blobs }) => [...blobs]));
    for (const { type, id } of needed.values()) await this.repository.loadBlob(type === 'data' ? dataBlob : treeBlob, id);
    for (const { id } of this.living) await this.repository.snapshots.load(id);
    await this.#assertPacksOfIndexExist();
  }

  /** Nothing but what is used, each blob once, in packs that one index file names. */
  async assertTight(): Promise<void> {
    const needed = new Set(this.living.flatMap(({ blobs }) => [...blobs.keys()]));
    const index = await this.#reloadIndex();
    const found = Array.from(
      { length: index.entryCount },
      (_, entry) => `${index.typeOf(entry) === dataBlob ? 'data' : 'tree'} ${index.idHex(entry)}`,
    );
    assert.deepEqual(found.sort(), [...needed].sort());
    const packs = await Array.fromAsync(this.backend.list('pack'), ({ name }) => name);
    const indexed = Array.from({ length: index.packCount }, (_, pack) => index.packIdHex(pack));
    assert.deepEqual(indexed.sort(), packs.sort());
  }

  async #assertPacksOfIndexExist(): Promise<void> {
    const index = await this.#reloadIndex();
    const packs = new Set(await Array.fromAsync(this.backend.list('pack'), ({ name }) => name));
    const lost = Array.from({ length: index.packCount }, (_, pack) => index.packIdHex(pack) as PackId).filter((id) => !packs.has(id));
    for (const id of lost) assert.ok(this.#missing.has(id), `the index names pack ${id}, which is gone`);
  }

  async #reloadIndex() {
    this.repository.forgetIndex();
    return await this.repository.loadIndex();
  }

  async #lose(pack: PackId): Promise<void> {
    this.#missing.add(pack);
    await this.backend.remove({ kind: 'pack', name: pack });
  }

  async #index(packs: readonly IndexedPack[]): Promise<IndexId | undefined> {
    return packs.length === 0 ? undefined : await this.#planted.index(packs);
  }

  #makeTrees(): { blobs: Map<string, SealedBlob>; root: BlobId } {
    const blobs = new Map<string, SealedBlob>();
    const add = (blob: SealedBlob): BlobId => {
      blobs.set(`${blob.type} ${blob.id}`, blob);
      return blob.id;
    };
    const folders = Array.from({ length: 1 + this.below(4) }, (_, folder) => {
      const files = Array.from({ length: 1 + this.below(6) }, (_, file) => {
        const ids = Array.from({ length: this.below(4) }, () => add(this.#planted.blob('data', contentOf(this.below(contentCount)))));
        return fileNode(`file ${file}`, ids, ids.length);
      });
      return directoryNode(`folder ${folder}`, add(this.#planted.tree(files)));
    });
    return { blobs, root: add(this.#planted.tree(folders)) };
  }

  async #pack(blobs: readonly SealedBlob[]): Promise<IndexedPack[]> {
    const isMixed = this.chance(0.1);
    const groups = isMixed ? [blobs] : [blobs.filter(({ type }) => type === 'data'), blobs.filter(({ type }) => type === 'tree')];
    const packs: IndexedPack[] = [];
    for (const group of groups) {
      for (let start = 0; start < group.length; ) {
        const end = start + 1 + this.below(8);
        packs.push(await this.#planted.pack(group.slice(start, end)));
        start = end;
      }
    }
    return packs;
  }

  async #indexedBlobs(): Promise<Set<string>> {
    const index = await this.#reloadIndex();
    const known = new Set<string>();
    for (let entry = 0; entry < index.entryCount; entry++) {
      const isLost = this.#missing.has(index.packIdHex(index.packOf(entry)) as PackId);
      if (!isLost) known.add(`${index.typeOf(entry) === dataBlob ? 'data' : 'tree'} ${index.idHex(entry)}`);
    }
    return known;
  }
}

/** Some compress, some do not. */
function contentOf(number: number): Buffer {
  const text = `content ${number} `.repeat(1 + (number % 90));
  return number % 3 === 0
    ? Buffer.from(text)
    : Buffer.from(Array.from(text, (_, at) => (Math.imul(at + 1, 2654435761 + number * 40503) >>> 13) & 0xff));
}

/** The backend for a repository that is closed before the backend is. */
class BorrowedBackend extends ForwardingBackend {
  override async close(): Promise<void> {}
}
