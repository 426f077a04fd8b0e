/** A planted repository as the repairs take it, and what they leave of it. */
import { systemRandomness } from '../../src/base/clock.ts';
import type { KeyId, PackId, SnapshotId } from '../../src/base/ids.ts';
import { Repository } from '../../src/repository/repository.ts';
import { openConfig } from '../../src/repository/repository-config.ts';
import { type Backend, configFile } from '../../src/storage/backend.ts';
import type { PlantedRepository } from './planted-repository.ts';

/** The planted repository, opened without a password. */
export async function opened(planted: PlantedRepository, backend: Backend = planted.backend): Promise<Repository> {
  const config = openConfig(await backend.load(configFile), planted.key, systemRandomness);
  if (config === undefined) throw new Error('the planted repository has another key');
  return new Repository({ backend, config, masterKey: planted.key, keyId: '0'.repeat(64) as KeyId });
}

/** Changes stored bytes behind the repository's back. */
export async function harm(backend: Backend, pack: string, change: (bytes: Buffer) => Buffer): Promise<PackId> {
  const file = { kind: 'pack', name: pack } as const;
  const bytes = change(await backend.load(file));
  await backend.remove(file);
  await backend.save(file, bytes);
  return pack as PackId;
}

export function flipByte(at: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    return changed;
  };
}

export async function namesOf(backend: Backend, kind: 'pack' | 'index' | 'snapshot'): Promise<string[]> {
  const files = await Array.fromAsync(backend.list(kind));
  return files.map(({ name }) => name).sort();
}

export async function allSnapshots(repository: Repository): Promise<Awaited<ReturnType<Repository['snapshots']['load']>>[]> {
  const ids = await namesOf(repository.backend, 'snapshot');
  return await Promise.all(ids.map((id) => repository.snapshots.load(id as SnapshotId)));
}
