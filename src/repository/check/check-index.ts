/** Loads all index files that can be read, tells of the others, and remembers which file named which pack. */
import type { IndexId } from '../../base/ids.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { Backend } from '../../storage/backend.ts';
import { errorProblem } from '../../workers/check/problem.ts';
import type { CheckRequest, CheckResponse, IndexResponse } from '../../workers/check/messages.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { loadIndex } from '../index/load-index.ts';
import type { ProblemList } from './report.ts';

export interface LoadedIndex {
  readonly index: IndexTable;
  /** The numbers of the packs of each file. */
  readonly files: ReadonlyMap<IndexId, Uint32Array>;
}

export interface CheckIndexOptions {
  readonly backend: Backend;
  readonly key: MasterKey;
  readonly problems: ProblemList;
  /** Reads the files of a repository that workers can read. */
  readonly pool: WorkerPool<CheckRequest, CheckResponse>;
  readonly signal: AbortSignal | undefined;
}

export async function checkIndex({ backend, key, problems, pool, signal }: CheckIndexOptions): Promise<LoadedIndex> {
  const damaged = new Set<IndexId>();
  for (;;) {
    const files = new Map<IndexId, Uint32Array>();
    const damagedBefore = damaged.size;
    const index = await loadIndex(backend, key, {
      signal,
      except: damaged,
      reader: async (request, _key, table) => {
        const response = (await pool.run({ kind: 'index', ...request, memory: table.memory })) as IndexResponse;
        return response.packs;
      },
      onLoaded: (id, packs) => void files.set(id, packs),
      onUnreadable: (id, error) => {
        damaged.add(id);
        problems.add(errorProblem('index', error.message, { ...error.context, index: id }));
      },
    });
    // A file whose text goes wrong in the middle has left entries in the table; a table without it is made then.
    if (damaged.size === damagedBefore || index.packCount === countPacks(files)) return { index, files };
  }
}

function countPacks(files: ReadonlyMap<IndexId, Uint32Array>): number {
  let count = 0;
  for (const packs of files.values()) count += packs.length;
  return count;
}
