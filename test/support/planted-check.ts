/** Repositories for tests of the check: planted byte by byte in memory, right or wrong in one way. */
import { systemClock, systemRandomness } from '../../src/base/clock.ts';
import type { BlobId } from '../../src/base/ids.ts';
import { Sealer } from '../../src/crypto/sealer.ts';
import type { IndexedPack } from '../../src/format/index-file.ts';
import type { TreeNode } from '../../src/format/node.ts';
import { type CheckOptions, checkRepository } from '../../src/repository/check/check-repository.ts';
import type { CheckReport } from '../../src/repository/check/report.ts';
import { saveKeyFile } from '../../src/repository/key-files.ts';
import { sealConfig } from '../../src/repository/repository-config.ts';
import { Snapshots } from '../../src/repository/snapshots.ts';
import { UnpackedFiles } from '../../src/repository/unpacked-files.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import { quickScrypt, testPassword } from './new-repository.ts';
import { directoryNode, fileNode, PlantedRepository, type SealedBlob } from './planted-repository.ts';

/** Of a blob that no index has. */
export const missingId = 'ab'.repeat(32) as BlobId;

/** A repository that is as it should be: one snapshot, a folder in the root, two files. */
export async function plant(): Promise<{ planted: PlantedRepository; packs: IndexedPack[]; root: SealedBlob; data: SealedBlob }> {
  const planted = await emptyRepository();
  const data = planted.blob('data', 'some text that is long enough to be compressed: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
  const other = planted.blob('data', 'x');
  const inner = planted.tree([fileNode('inner', [other.id], 1)]);
  const root = planted.tree([directoryNode('folder', inner.id), fileNode('text', [data.id], 94)]);
  const packs = [await planted.pack([data, other]), await planted.pack([inner, root])];
  return { planted, packs, root, data };
}

export async function emptyRepository(): Promise<PlantedRepository> {
  const planted = new PlantedRepository(new MemoryBackend());
  const config = { version: 2, id: 'c'.repeat(64), polynomial: 0x3da3358b4dc173n } as const;
  await planted.backend.save({ kind: 'config', name: '' }, sealConfig(config, planted.key, systemRandomness));
  await saveKeyFile(planted.backend, planted.key, {
    password: testPassword,
    scryptCost: quickScrypt,
    clock: systemClock,
    random: systemRandomness,
  });
  return planted;
}

/** A snapshot of one tree that has these nodes; the other blobs lie in a pack of their own. */
export async function plantTree(
  nodes: readonly TreeNode[],
  blobs: (planted: PlantedRepository) => SealedBlob[] = () => [],
): Promise<PlantedRepository> {
  const planted = await emptyRepository();
  const root = planted.tree(nodes);
  const packs = [await planted.pack([root])];
  const others = blobs(planted);
  if (others.length > 0) packs.push(await planted.pack(others));
  await planted.index(packs);
  await planted.snapshot(root.id);
  return planted;
}

export async function check(planted: PlantedRepository, options: Partial<CheckOptions> = {}): Promise<CheckReport> {
  const { backend, key: masterKey } = planted;
  const files = new UnpackedFiles(backend, new Sealer(masterKey, systemRandomness), 2);
  return await checkRepository(
    { backend, masterKey, files, snapshots: new Snapshots(backend, files) },
    { readData: true, workerCount: 1, ...options },
  );
}

export function kindsOf(report: CheckReport): string[] {
  return report.errors.map((problem) => problem.kind);
}

/** What was found, in an order that does not depend on which thread was first. */
export function rowsOf(problems: CheckReport['errors'], ...keys: readonly string[]): string[] {
  return problems.map(({ kind, context }) => [kind, ...keys.map((key) => context[key] ?? '-')].join(' ')).sort();
}
