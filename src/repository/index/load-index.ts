/** Brings all index files of a repository into one shared table. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { systemRandomness } from '../../base/clock.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { Sealer } from '../../crypto/sealer.ts';
import type { Backend, ListedFile } from '../../storage/backend.ts';
import { loadIndexBytes, loadIndexPath } from '../../workers/index-loading.ts';
import { IndexTable } from '../../workers/index-table.ts';
import type { IndexFileRequest, IndexWorkerData } from '../../workers/loading/index.worker.ts';
import { WorkerPool } from '../../workers/pool.ts';

/** Bytes of a stored index file per blob: the id alone does not compress below its 32 bytes. Sizes the table generously. */
const storedBytesPerBlob = 38;
/** Below this the main thread is done before a worker has started (some 60 ms). */
const workerThresholdBytes = 4 << 20;
/** Files of a remote repository that are fetched at once. */
const fetchesAtOnce = 8;

export interface LoadIndexOptions {
  readonly signal?: AbortSignal | undefined;
}

/** @throws HoldfastError `damaged` when one of the files is; nothing is left out silently */
export async function loadIndex(backend: Backend, key: MasterKey, { signal }: LoadIndexOptions = {}): Promise<IndexTable> {
  const files = await listIndexFiles(backend, signal);
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const index = IndexTable.create(Math.ceil(totalBytes / storedBytesPerBlob));
  if (!backend.capabilities.localFiles) await loadRemote(backend, key, index, files, signal);
  else if (totalBytes < workerThresholdBytes) loadHere(backend, key, index, files, signal);
  else await loadInWorkers(backend, key, index, files, signal);
  return index;
}

async function listIndexFiles(backend: Backend, signal: AbortSignal | undefined): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  for await (const file of backend.list('index', { signal })) files.push(file);
  return files;
}

function loadHere(backend: Backend, key: MasterKey, index: IndexTable, files: readonly ListedFile[], signal: AbortSignal | undefined): void {
  const sealer = new Sealer(key, systemRandomness);
  for (const { name } of files) {
    signal?.throwIfAborted();
    loadIndexPath(pathOf(backend, name), name, sealer, index);
  }
}

async function loadInWorkers(backend: Backend, key: MasterKey, index: IndexTable, files: readonly ListedFile[], signal: AbortSignal | undefined): Promise<void> {
  const data: IndexWorkerData = { key, memory: index.memory };
  const entry = new URL(`../../workers/loading/index.worker${extname(import.meta.url)}`, import.meta.url);
  const workerCount = Math.min(files.length, availableParallelism());
  await using pool = new WorkerPool<IndexFileRequest, true>({ entry, workerCount, workerData: () => data, signal });
  await Promise.all(files.map(({ name }) => pool.run({ id: name, path: pathOf(backend, name) })));
}

async function loadRemote(backend: Backend, key: MasterKey, index: IndexTable, files: readonly ListedFile[], signal: AbortSignal | undefined): Promise<void> {
  const sealer = new Sealer(key, systemRandomness);
  const queue = files.values();
  const fetchAll = async (): Promise<void> => {
    for (const { name } of queue) loadIndexBytes(await backend.load({ kind: 'index', name }, { signal }), name, sealer, index);
  };
  await Promise.all(Array.from({ length: fetchesAtOnce }, fetchAll));
}

function pathOf(backend: Backend, name: string): string {
  return backend.pathOf({ kind: 'index', name }) ?? name;
}
