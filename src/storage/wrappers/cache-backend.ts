/**
 * Keeps snapshots, indexes and the packs of trees on this machine: what nearly every command reads first, and reads again and again.
 *
 * The backend behind it is always right: what there is and what there is not is asked of it alone, and a copy that is missing, damaged or
 * cannot be kept only costs time. Packs of data are never kept. A pack of trees is fetched as a whole when the first tree of it is
 * asked for, for the next ones follow; at most once in the life of this object, so that a cache that loses it costs no more than none.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import type {
  AdoptOptions,
  Backend,
  BackendCapabilities,
  CallOptions,
  FileKind,
  ListedFile,
  ListOptions,
  LoadOptions,
  SaveOptions,
  StoredFile,
} from '../backend.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';
import type { CacheFolder } from './cache-folder.ts';

/** restic makes packs of 128 MiB at most: what is larger by far is not fetched into memory. */
const maxFetchedBytes = 256 << 20;

export class CacheBackend extends ForwardingBackend {
  readonly #cache: CacheFolder;
  readonly #fetches = new Map<string, Promise<Buffer | undefined>>();
  readonly #fetched = new Set<string>();

  constructor(inner: Backend, cache: CacheFolder) {
    super(inner);
    this.#cache = cache;
  }

  /** Files are to be read through here, even where they could be opened behind it. */
  override get capabilities(): BackendCapabilities {
    return { ...this.inner.capabilities, localFiles: false };
  }

  override pathOf(file: StoredFile): undefined {
    this.inner.pathOf(file);
  }

  override async save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    await this.inner.save(file, bytes, options);
    if (isSmallKind(file.kind)) await this.#cache.store(file, bytes);
  }

  override async adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void> {
    if (options?.holdsTrees !== true) return await this.inner.adopt(file, stagedPath, options);
    // A copy first, for afterwards the file is gone.
    const finish = await this.#cache.prepare(file, stagedPath);
    try {
      await this.inner.adopt(file, stagedPath, options);
    } catch (error) {
      await finish(false);
      throw error;
    }
    await finish(true);
  }

  override async load(file: StoredFile, options: LoadOptions = {}): Promise<Buffer> {
    throwIfCancelled(options.signal);
    if (options.isFresh === true) await this.#cache.drop(file);
    else if (isSmallKind(file.kind) || options.holdsTrees === true) {
      const kept = await this.#cache.load(file, options);
      if (kept !== undefined && (options.length !== undefined || kept.length <= (options.maxBytes ?? kept.length))) return kept;
    }
    if (options.holdsTrees === true && options.length !== undefined) return await this.#loadSpanOfTrees(file, options, options.length);
    const bytes = await this.inner.load(file, options);
    const isWhole = options.length === undefined && (options.offset ?? 0) === 0;
    if (isWhole && (isSmallKind(file.kind) || options.holdsTrees === true)) await this.#cache.store(file, bytes);
    return bytes;
  }

  /** What the storage no longer has is not kept either. */
  override async *list(kind: FileKind, options?: ListOptions): AsyncGenerator<ListedFile> {
    const vanished = await this.#cache.namesOf(kind);
    for await (const file of this.inner.list(kind, options)) {
      vanished.delete(file.name);
      yield file;
    }
    for (const name of vanished) await this.#cache.drop({ kind, name });
  }

  override async remove(file: StoredFile, options?: CallOptions): Promise<void> {
    await this.inner.remove(file, options);
    await this.#cache.drop(file);
  }

  override async close(): Promise<void> {
    await this.#cache.close();
    await this.inner.close();
  }

  async #loadSpanOfTrees(file: StoredFile, options: LoadOptions, length: number): Promise<Buffer> {
    const pack = await this.#fetchOnce(file, options);
    const { offset = 0 } = options;
    if (pack === undefined || offset + length > pack.length) return await this.inner.load(file, options);
    return Buffer.from(pack.subarray(offset, offset + length));
  }

  /** The whole pack, once for all who ask at the same time; undefined when it was fetched before, or is not worth to be kept. */
  async #fetchOnce(file: StoredFile, { signal }: CallOptions): Promise<Buffer | undefined> {
    const running = this.#fetches.get(file.name);
    if (running !== undefined) return await running;
    if (this.#fetched.has(file.name) || !this.#cache.canWrite) return undefined;
    this.#fetched.add(file.name);
    const fetch = this.#fetch(file, signal).finally(() => this.#fetches.delete(file.name));
    this.#fetches.set(file.name, fetch);
    return await fetch;
  }

  async #fetch(file: StoredFile, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
    const maxBytes = Math.min(this.#cache.maxFileBytes, maxFetchedBytes);
    try {
      const bytes = await this.inner.load(file, { maxBytes, signal });
      return (await this.#cache.store(file, bytes)) ? bytes : undefined;
    } catch {
      // Too large, cancelled, or something is wrong: whoever asked for a span asks the storage for that alone, and is told.
      return undefined;
    }
  }
}

/** Kept whenever they pass by. */
function isSmallKind(kind: FileKind): boolean {
  return kind === 'snapshot' || kind === 'index';
}
