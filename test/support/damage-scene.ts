/** A small repository of two backups whose files have known parts, for harming them one at a time. */
import { cpSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandomness } from '../../src/base/clock.ts';
import type { PackId } from '../../src/base/ids.ts';
import { loadPackHeader } from '../../src/repository/blobs/load-pack-header.ts';
import { saveKeyFile } from '../../src/repository/key-files.ts';
import { Repository } from '../../src/repository/repository.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { encodeLock } from '../../src/format/lock-file.ts';
import { treeBlob } from '../../src/workers/index-table.ts';
import { holdfast, snapshotOf } from './holdfast.ts';
import { localRepository, quickScrypt, testPassword } from './new-repository.ts';
import { pseudoRandomBytes } from './pseudo-random.ts';

export const otherPassword = 'battery staple';

export const harmedKinds = ['config', 'key', 'index', 'data pack', 'tree pack', 'snapshot', 'lock'] as const;
export type HarmedKind = (typeof harmedKinds)[number];

/** A file that is harmed, and another of its kind. Paths are relative to the repository. */
export interface HarmedFile {
  readonly kind: HarmedKind;
  readonly path: string;
  readonly other: string;
  /** Where a bit is flipped: in the first data blob of a pack, or in its largest tree. */
  readonly flipAt: number;
  /** Where it is cut off: in the last blob of a pack, in the middle of other files. */
  readonly cutAt: number;
}

export interface DamageScene {
  /** Whole; to be copied. */
  readonly repository: string;
  /** By their times. */
  readonly snapshots: readonly string[];
  readonly files: Readonly<Record<HarmedKind, HarmedFile>>;
}

/**
 * Snapshot 1 has the folder a, and b in it; snapshot 2 also c. The first data pack holds a/first, then a/second. The first tree pack holds
 * the tree of b, which is by far the largest, then that of a, then the root: a tree is stored before the one that refers to it.
 */
export async function makeDamageScene(folder: string): Promise<DamageScene> {
  const repository = join(folder, 'original');
  const source = join(folder, 'source');
  makeSource(source);
  await using opened = await localRepository(repository);
  const save = async (...names: readonly string[]): Promise<string> =>
    snapshotOf(await holdfast(repository, ['backup', '--read-concurrency', '1', ...names], { cwd: source }));
  const first = await save('a');
  const [data1, tree1] = await packsOf(repository);
  const [index1 = ''] = names(repository, 'index');
  const [key1 = ''] = names(repository, 'keys');
  writeFile(source, 'c/third', pseudoRandomBytes(50_000, 3));
  const second = await save('a', 'c');
  const [data2, tree2] = (await packsOf(repository)).filter((id) => id !== data1 && id !== tree1);
  const key2 = await addKey(opened);
  const locks = [await addLock(opened, 1), await addLock(opened, 2)];
  const index2 = names(repository, 'index').find((name) => name !== index1) ?? '';
  return {
    repository,
    snapshots: [first, second],
    files: {
      config: small(repository, 'config', 'config', `keys/${key1}`),
      key: small(repository, 'key', `keys/${key1}`, `keys/${key2}`),
      index: small(repository, 'index', `index/${index1}`, `index/${index2}`),
      'data pack': { kind: 'data pack', path: packPath(data1), other: packPath(data2), ...(await placesIn(opened, data1, 0)) },
      'tree pack': { kind: 'tree pack', path: packPath(tree1), other: packPath(tree2), ...(await placesIn(opened, tree1, 1)) },
      snapshot: small(repository, 'snapshot', `snapshots/${first}`, `snapshots/${second}`),
      lock: small(repository, 'lock', `locks/${locks[0]}`, `locks/${locks[1]}`),
    },
  };
}

/** Beyond all headers, and within what authenticates the content. */
const somewhere = 50;

function small(repository: string, kind: HarmedKind, path: string, other: string): HarmedFile {
  return { kind, path, other, flipAt: somewhere, cutAt: statSync(join(repository, path)).size >> 1 };
}

async function placesIn({ backend, sealer }: Repository, id: string | undefined, type: 0 | 1): Promise<{ flipAt: number; cutAt: number }> {
  const { sizeBytes } = await backend.stat({ kind: 'pack', name: id ?? '' });
  const blobs = await loadPackHeader(backend, sealer, { id: id ?? '', sizeBytes });
  const [largest] = blobs.toSorted((a, b) => b.length - a.length);
  const flipped = type === treeBlob ? largest : blobs[0];
  return { flipAt: (flipped?.offset ?? 0) + somewhere, cutAt: (blobs.at(-1)?.offset ?? 0) + somewhere };
}

/** The scene's repository once more, with or without its locks, which would keep an exclusive command out. */
export function copyRepository({ repository }: DamageScene, target: string, withLocks: boolean): void {
  cpSync(repository, target, { recursive: true, filter: (path) => withLocks || !path.includes('/locks/') });
}

function makeSource(source: string): void {
  writeFile(source, 'a/first', pseudoRandomBytes(100_000, 1));
  writeFile(source, 'a/second', pseudoRandomBytes(300_000, 2));
  for (let number = 0; number < 300; number++) writeFile(source, `a/b/empty-${pseudoRandomBytes(20, number).toString('hex')}`, '');
}

function writeFile(source: string, name: string, content: string | Uint8Array): void {
  const path = join(source, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
}

function names(repository: string, folder: string): string[] {
  return readdirSync(join(repository, folder));
}

function packPath(id: string | undefined): string {
  return `data/${id?.slice(0, 2)}/${id}`;
}

/** Packs of data, then those of trees. */
async function packsOf(path: string): Promise<PackId[]> {
  await using repository = await Repository.open(new LocalBackend({ path }), { password: testPassword });
  const index = await repository.loadIndex();
  const packs = new Map<PackId, number>();
  for (let entry = 0; entry < index.entryCount; entry++) packs.set(index.packIdHex(index.packOf(entry)) as PackId, index.typeOf(entry));
  return [...packs.keys()].sort((a, b) => Number(packs.get(a) === treeBlob) - Number(packs.get(b) === treeBlob));
}

async function addKey({ backend, masterKey }: Repository): Promise<string> {
  return await saveKeyFile(backend, masterKey, {
    password: otherPassword,
    scryptCost: quickScrypt,
    clock: systemClock,
    random: systemRandomness,
  });
}

/** Of a host that cannot be asked, and fresh: nobody may take it for abandoned. */
async function addLock({ files }: Repository, pid: number): Promise<string> {
  const lock = { timeNs: systemClock.nowNs(), isExclusive: false, hostname: 'elsewhere', username: 'somebody', pid, uid: 0, gid: 0 };
  return await files.save('lock', encodeLock(lock));
}
