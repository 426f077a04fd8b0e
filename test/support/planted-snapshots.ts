/** Many snapshots in a repository at once, of backups that never were: for tests of what looks at snapshots alone. */
import type { BlobId, SnapshotId } from '../../src/base/ids.ts';
import type { Snapshot } from '../../src/format/snapshot.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { Snapshots } from '../../src/repository/snapshots.ts';
import { UnpackedFiles } from '../../src/repository/unpacked-files.ts';
import { writeFileSync } from 'node:fs';

export type SnapshotSketch = Pick<Snapshot, 'time'> & Partial<Snapshot>;

const nowhere = {
  tree: 'ab'.repeat(32) as BlobId,
  paths: ['/data'],
  hostname: 'host',
  username: 'user',
  uid: 0,
  gid: 0,
  excludes: [],
  tags: [],
  programVersion: 'restic 0.19.1',
};

/**
 * Saves them as the repository does, but without making each durable: a fsync for each of ten thousand would be all that a test does.
 * @param repository in a folder
 * @returns the ids in the order of the sketches
 */
export async function plantSnapshots(repository: Repository, sketches: readonly SnapshotSketch[]): Promise<SnapshotId[]> {
  const memory = new MemoryBackend();
  const snapshots = new Snapshots(memory, new UnpackedFiles(memory, repository.sealer, repository.config.version));
  const ids: SnapshotId[] = [];
  for (const sketch of sketches) {
    const id = await snapshots.save({ ...nowhere, ...sketch });
    const file = { kind: 'snapshot', name: id } as const;
    writeFileSync(repository.backend.pathOf(file) ?? '', await memory.load(file));
    await memory.remove(file);
    ids.push(id);
  }
  return ids;
}
