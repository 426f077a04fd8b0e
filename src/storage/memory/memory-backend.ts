/** A repository in memory: for tests, and the shortest complete reading of the contract. */
import { mkdtemp, readFile, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError } from '../../base/errors.ts';
import {
  assertFileName,
  type Backend,
  type BackendCapabilities,
  type CallOptions,
  configFile,
  existingRepositoryError,
  type FileKind,
  type ListedFile,
  type LoadOptions,
  missingFileError,
  missingRepositoryError,
  oversizedFileError,
  type SaveOptions,
  type StoredFile,
  shortFileError,
} from '../backend.ts';

export class MemoryBackend implements Backend {
  readonly location = 'memory';
  readonly capabilities: BackendCapabilities = { localFiles: false, atomicCreate: true, isReadOnly: false };
  readonly #files = new Map<string, Buffer>();
  #staging: Promise<string> | undefined;

  async create({ signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    if (this.#files.has(keyOf(configFile))) throw existingRepositoryError(this.location);
  }

  async open({ signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    if (!this.#files.has(keyOf(configFile))) throw missingRepositoryError(this.location);
  }

  async save(file: StoredFile, bytes: Uint8Array, { signal, replacesConfig = false }: SaveOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    const key = keyOf(file);
    if (file.kind === 'config' && !replacesConfig && this.#files.has(key)) throw existingRepositoryError(this.location);
    this.#files.set(key, Buffer.from(bytes));
  }

  async adopt(file: StoredFile, stagedPath: string, options: CallOptions = {}): Promise<void> {
    throwIfCancelled(options.signal);
    try {
      await this.save(file, await readFile(stagedPath), options);
      await unlink(stagedPath);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async load(file: StoredFile, { offset = 0, length, maxBytes = Number.POSITIVE_INFINITY, signal }: LoadOptions = {}): Promise<Buffer> {
    throwIfCancelled(signal);
    const bytes = this.#bytesOf(file);
    const end = offset + (length ?? Math.max(0, bytes.length - offset));
    if (end > bytes.length) throw shortFileError(file, end, bytes.length);
    if (length === undefined && end - offset > maxBytes) throw oversizedFileError(file, maxBytes, end - offset);
    return Buffer.from(bytes.subarray(offset, end));
  }

  async stat(file: StoredFile, { signal }: CallOptions = {}): Promise<{ sizeBytes: number }> {
    throwIfCancelled(signal);
    return { sizeBytes: this.#bytesOf(file).length };
  }

  async exists(file: StoredFile, { signal }: CallOptions = {}): Promise<boolean> {
    throwIfCancelled(signal);
    return this.#files.has(keyOf(file));
  }

  async *list(kind: FileKind, { signal }: CallOptions = {}): AsyncGenerator<ListedFile> {
    for (const [key, bytes] of [...this.#files].sort(byKey)) {
      throwIfCancelled(signal);
      const [foundKind, name] = key.split('/');
      if (foundKind === kind && name !== undefined) yield { name, sizeBytes: bytes.length };
    }
  }

  async remove(file: StoredFile, { signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    this.#files.delete(keyOf(file));
  }

  pathOf(file: StoredFile): undefined {
    assertFileName(file);
  }

  async stagingFolder({ signal }: CallOptions = {}): Promise<string> {
    throwIfCancelled(signal);
    this.#staging ??= mkdtemp(join(tmpdir(), 'holdfast-staging-'));
    return await this.#staging;
  }

  async close(): Promise<void> {
    const folder = await this.#staging;
    this.#staging = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #bytesOf(file: StoredFile): Buffer {
    const bytes = this.#files.get(keyOf(file));
    if (bytes === undefined) throw missingFileError(file, this.location);
    return bytes;
  }
}

function keyOf(file: StoredFile): string {
  assertFileName(file);
  return `${file.kind}/${file.name}`;
}

function byKey([a]: readonly [string, Buffer], [b]: readonly [string, Buffer]): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
