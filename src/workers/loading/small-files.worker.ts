/** The worker that opens small files, many with each request. */
import { workerData } from 'node:worker_threads';
import { systemRandomness } from '../../base/clock.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { serve } from '../protocol.ts';
import { openSmallFiles, type SmallFilesRequest, type SmallFilesResponse } from './small-files.ts';

export interface SmallFilesWorkerData {
  readonly key: MasterKey;
  /** From version 2 of the format on. */
  readonly hasCompression: boolean;
}

const { key, hasCompression } = workerData as SmallFilesWorkerData;
const sealer = new Sealer(key, systemRandomness);

serve<SmallFilesRequest, SmallFilesResponse>((request) => openSmallFiles(request, sealer, hasCompression));
