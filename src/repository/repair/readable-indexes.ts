/** Loads the index files that can be read, and names the others. */
import type { IndexId } from '../../base/ids.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { Backend } from '../../storage/backend.ts';
import { IndexTable } from '../../workers/index-table.ts';
import { loadIndex } from '../index/load-index.ts';
import type { PruneWorkers } from '../prune/prune-workers.ts';

export interface ReadableIndexes {
  readonly index: IndexTable;
  /** The numbers of the packs of each file. */
  readonly files: ReadonlyMap<IndexId, Uint32Array>;
  readonly damaged: readonly IndexId[];
  /** Files that were not looked at, because none was to be believed. */
  readonly unread: readonly IndexId[];
}

export interface ReadIndexesOptions {
  readonly backend: Backend;
  readonly key: MasterKey;
  readonly workers: PruneWorkers;
  readonly signal: AbortSignal | undefined;
  /** Begins with an empty table, and lists the files only. */
  readonly isEmpty: boolean;
  readonly onDamaged: (message: string) => void;
}

/** Bytes of a stored index file per blob; sizes the table. */
const storedBytesPerBlob = 38;

export async function readIndexes(options: ReadIndexesOptions): Promise<ReadableIndexes> {
  return options.isEmpty ? await listOnly(options) : await readWhole(options);
}

async function listOnly({ backend, signal }: ReadIndexesOptions): Promise<ReadableIndexes> {
  const listed = await Array.fromAsync(backend.list('index', { signal }));
  const bytes = listed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const unread = listed.map(({ name }) => name as IndexId);
  return { index: IndexTable.create(Math.ceil(bytes / storedBytesPerBlob)), files: new Map(), damaged: [], unread };
}

async function readWhole({ backend, key, workers, signal, onDamaged }: ReadIndexesOptions): Promise<ReadableIndexes> {
  const damaged = new Set<IndexId>();
  for (;;) {
    const files = new Map<IndexId, Uint32Array>();
    const damagedBefore = damaged.size;
    const index = await loadIndex(backend, key, {
      signal,
      except: damaged,
      reader: workers.readIndexFile,
      onLoaded: (id, packs) => void files.set(id, packs),
      onUnreadable: (id, error) => {
        // A storage that does not give what it has is no damage: its file must not be removed.
        if (error.code !== 'damaged') throw error;
        damaged.add(id);
        onDamaged(`${error.message}; it is replaced`);
      },
    });
    // A file whose text goes wrong in the middle has left entries in the table; a table without it is made then.
    const packCount = [...files.values()].reduce((sum, packs) => sum + packs.length, 0);
    if (damaged.size === damagedBefore || index.packCount === packCount) return { index, files, damaged: [...damaged], unread: [] };
  }
}
