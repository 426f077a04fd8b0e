import { hash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FileKind, StoredFile } from '../../src/storage/backend.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import { CacheBackend } from '../../src/storage/wrappers/cache-backend.ts';
import { CacheFolder } from '../../src/storage/wrappers/cache-folder.ts';
import type { FaultyBackend } from '../../src/storage/wrappers/faulty-backend.ts';
import { CountingBackend } from './counting-backend.ts';
import { pseudoRandomBytes } from './pseudo-random.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A storage, and the cache that one process after the other puts in front of it. */
export class CacheSetting {
  readonly storage = new CountingBackend(new MemoryBackend());
  readonly folder: string;
  readonly #t: TestContext;
  readonly #limitBytes: number;

  constructor(t: TestContext, limitBytes = 64 << 20) {
    this.folder = join(temporaryFolder(t), 'cache');
    this.#t = t;
    this.#limitBytes = limitBytes;
  }

  /** As another process has it. */
  open(storage: CountingBackend | FaultyBackend = this.storage): CacheBackend {
    const cache = new CacheFolder({ path: this.folder, limitBytes: this.#limitBytes });
    this.#t.after(() => cache.close());
    return new CacheBackend(storage, cache);
  }

  /** A file that is in the storage, and in no cache yet. */
  async plant(kind: FileKind, seed: number, sizeBytes = 5_000): Promise<{ file: StoredFile; bytes: Buffer }> {
    const bytes = Buffer.from(pseudoRandomBytes(sizeBytes, seed));
    const file = { kind, name: hash('sha256', bytes, 'hex') };
    await this.storage.save(file, bytes);
    return { file, bytes };
  }

  pathOf({ kind, name }: StoredFile): string {
    return join(this.folder, { snapshot: 'snapshots', index: 'index', pack: 'data' }[kind as 'pack'], name.slice(0, 2), name);
  }

  /** All files in the cache, temporary ones too. */
  files(): string[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  }
}
