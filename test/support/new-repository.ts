import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import { Repository } from '../../src/repository/repository.ts';

/** Derives a key in well under a millisecond: strength is not what these tests are about. */
export const quickScrypt = { N: 16, r: 1, p: 1 };
export const testPassword = 'correct horse';

/** An empty repository in memory. */
export async function memoryRepository(): Promise<{ backend: MemoryBackend; repository: Repository }> {
  const backend = new MemoryBackend();
  return { backend, repository: await Repository.create(backend, { password: testPassword, scryptCost: quickScrypt }) };
}

/** An empty repository in a folder, as restic can open it with testPassword. */
export async function localRepository(path: string): Promise<Repository> {
  return await Repository.create(new LocalBackend({ path }), { password: testPassword, scryptCost: quickScrypt });
}
