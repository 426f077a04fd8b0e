/** Brings all index files of a repository into one shared table. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, type HoldfastError } from '../../base/errors.ts';
import type { IndexId } from '../../base/ids.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { sha256Hex } from '../../crypto/sha256.ts';
import type { Backend, ListedFile } from '../../storage/backend.ts';
import { loadIndexBytes, loadIndexPath } from '../../workers/index-loading.ts';
import { IndexTable } from '../../workers/index-table.ts';
import type { IndexFileRequest, IndexFileResponse, IndexWorkerData } from '../../workers/loading/index.worker.ts';
import { WorkerPool } from '../../workers/pool.ts';

/** Bytes of a stored index file per blob: the id alone does not compress below its 32 bytes. Sizes the table generously. */
const storedBytesPerBlob = 38;
/** Below this the main thread is done before a worker has started (some 60 ms). */
const workerThresholdBytes = 4 << 20;
/** Files of a remote repository that are fetched at once. */
const fetchesAtOnce = 8;

/** Reads one index file into the table, in workers that run already. @returns the numbers that its packs have in the table */
export type IndexFileReader = (file: IndexFileRequest, key: MasterKey, index: IndexTable) => Promise<Uint32Array>;

export interface LoadIndexOptions {
  /** Without it a large index gets workers of its own for the time of loading. */
  readonly reader?: IndexFileReader;
  readonly signal?: AbortSignal | undefined;
  /** Called for a file that cannot be read, which is then left out. Unless told, such a file ends the load. */
  readonly onUnreadable?: (id: IndexId, error: HoldfastError) => void;
  /** Called for each file that was read, with the numbers that its packs have in the table. */
  readonly onLoaded?: (id: IndexId, packs: Uint32Array) => void;
  /** Files that are not read. */
  readonly except?: ReadonlySet<IndexId>;
  /** A table that gets what is read besides what it has; a new one unless told. */
  readonly into?: IndexTable;
}

/** @throws HoldfastError `damaged` when one of the files is; nothing is left out silently */
export async function loadIndex(backend: Backend, key: MasterKey, options: LoadIndexOptions = {}): Promise<IndexTable> {
  const files = await listIndexFiles(backend, options);
  const index = options.into ?? IndexTable.create(Math.ceil(totalBytesOf(files) / storedBytesPerBlob));
  await new IndexLoad(backend, key, index, options).run(files);
  return index;
}

async function listIndexFiles(backend: Backend, { signal, except }: LoadIndexOptions): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  for await (const file of backend.list('index', { signal })) {
    if (except?.has(file.name as IndexId) !== true) files.push(file);
  }
  return files;
}

class IndexLoad {
  readonly #backend: Backend;
  readonly #key: MasterKey;
  readonly #index: IndexTable;
  readonly #options: LoadIndexOptions;

  constructor(backend: Backend, key: MasterKey, index: IndexTable, options: LoadIndexOptions) {
    this.#backend = backend;
    this.#key = key;
    this.#index = index;
    this.#options = options;
  }

  async run(files: readonly ListedFile[]): Promise<void> {
    const { reader } = this.#options;
    if (!this.#backend.capabilities.localFiles) await this.#loadRemote(files);
    else if (reader !== undefined) await this.#loadBy(reader, files);
    else if (totalBytesOf(files) < workerThresholdBytes) await this.#loadHere(files);
    else await this.#loadInWorkers(files);
  }

  async #loadBy(reader: IndexFileReader, files: readonly ListedFile[]): Promise<void> {
    const read = (name: string) => reader({ id: name, path: this.#pathOf(name) }, this.#key, this.#index);
    await Promise.all(files.map(({ name }) => this.#load(name, () => read(name))));
  }

  async #loadHere(files: readonly ListedFile[]): Promise<void> {
    const sealer = new Sealer(this.#key, systemRandomness);
    for (const { name } of files) await this.#load(name, () => loadIndexPath(this.#pathOf(name), name, sealer, this.#index));
  }

  async #loadInWorkers(files: readonly ListedFile[]): Promise<void> {
    const data: IndexWorkerData = { key: this.#key, memory: this.#index.memory };
    const entry = new URL(`../../workers/loading/index.worker${extname(import.meta.url)}`, import.meta.url);
    const workerCount = Math.min(files.length, availableParallelism());
    const { signal } = this.#options;
    await using pool = new WorkerPool<IndexFileRequest, IndexFileResponse>({ entry, workerCount, workerData: () => data, signal });
    await Promise.all(files.map(({ name }) => this.#load(name, () => pool.run({ id: name, path: this.#pathOf(name) }))));
  }

  async #loadRemote(files: readonly ListedFile[]): Promise<void> {
    const sealer = new Sealer(this.#key, systemRandomness);
    const queue = files.values();
    const fetchAll = async (): Promise<void> => {
      for (const { name } of queue) {
        await this.#load(name, () => this.#fetch(name, sealer));
      }
    };
    await Promise.all(Array.from({ length: fetchesAtOnce }, fetchAll));
  }

  /** Bytes that went wrong on their way are asked for once more, as in loadVerified; what takes them in has looked at the hash already. */
  async #fetch(name: string, sealer: Sealer): Promise<Uint32Array> {
    const { signal } = this.#options;
    const stored = await this.#backend.load({ kind: 'index', name }, { signal });
    try {
      return loadIndexBytes(stored, name, sealer, this.#index);
    } catch (error) {
      if (sha256Hex(stored) === name) throw error;
      const again = await this.#backend.load({ kind: 'index', name }, { signal, isFresh: true });
      return loadIndexBytes(again, name, sealer, this.#index);
    }
  }

  async #load(name: string, read: () => Uint32Array | Promise<Uint32Array>): Promise<void> {
    const { signal, onLoaded, onUnreadable } = this.#options;
    throwIfCancelled(signal);
    const id = name as IndexId;
    try {
      const packs = await read();
      onLoaded?.(id, packs);
    } catch (error) {
      throwIfCancelled(signal);
      const problem = asHoldfastError(error);
      if (onUnreadable === undefined || problem.code === 'cancelled' || problem.code === 'internal') throw problem;
      onUnreadable(id, problem);
    }
  }

  #pathOf(name: string): string {
    return this.#backend.pathOf({ kind: 'index', name }) ?? name;
  }
}

function totalBytesOf(files: readonly ListedFile[]): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}
