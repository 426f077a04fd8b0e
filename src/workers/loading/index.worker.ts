/** The worker that reads index files: one request a file. */
import { workerData } from 'node:worker_threads';
import { systemRandomness } from '../../base/clock.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { loadIndexPath } from '../index-loading.ts';
import { IndexTable, type IndexTableMemory } from '../index-table.ts';
import { serve } from '../protocol.ts';

export interface IndexWorkerData {
  readonly key: MasterKey;
  readonly memory: IndexTableMemory;
}

export interface IndexFileRequest {
  readonly id: string;
  readonly path: string;
}

/** The numbers of the file's packs. */
export type IndexFileResponse = Uint32Array;

const { key, memory } = workerData as IndexWorkerData;
const sealer = new Sealer(key, systemRandomness);
const index = IndexTable.attach(memory);

serve<IndexFileRequest, IndexFileResponse>(({ id, path }) => loadIndexPath(path, id, sealer, index));
