/** The workers of a copy. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { HoldfastError } from '../../base/errors.ts';
import { Counters } from '../../workers/archive/counters.ts';
import type { CopyNotice, CopyRequest, CopyResponse, CopyWorkerData } from '../../workers/copy/messages.ts';
import { WorkerPool } from '../../workers/pool.ts';
import type { IndexFileReader } from '../index/load-index.ts';

/**
 * Each takes some 25 MB, and two stay within the memory that restic takes. Together they prove and write some 500 MB of plain data a
 * second, since nothing is compressed again.
 */
const mostWorkers = 2;

export interface CopyWorkers {
  readonly pool: WorkerPool<CopyRequest, CopyResponse, CopyNotice>;
  readonly counters: SharedArrayBuffer;
}

export function startCopyWorkers(
  workerCount = Math.min(mostWorkers, availableParallelism()),
  onNotice: (notice: CopyNotice) => void,
  signal: AbortSignal | undefined,
): CopyWorkers {
  const counters = Counters.memoryFor(workerCount);
  const pool = new WorkerPool<CopyRequest, CopyResponse, CopyNotice>({
    entry: new URL(`../../workers/copy/copy.worker${extname(import.meta.url)}`, import.meta.url),
    workerCount,
    // Little may be left to do: the others start when requests wait.
    firstWorkers: 1,
    workerData: (worker): CopyWorkerData => ({ worker, counters }),
    onNotice,
    signal,
  });
  return { pool, counters };
}

/** Lets the workers, which have nothing to do yet, read an index. */
export function readIndexBy({ pool }: CopyWorkers): IndexFileReader {
  return async (file, key, index) => {
    const answer = await pool.run({ kind: 'index-file', ...file, key, index: index.memory });
    if (answer.kind !== 'packs') throw new HoldfastError('internal', `a worker answered '${answer.kind}' to an index file`);
    return answer.packs;
  };
}
