/** The worker of `prune` and `repair index`. */
import { workerData } from 'node:worker_threads';
import { serve } from '../protocol.ts';
import type { PruneRequest, PruneResponse, PruneWorkerData } from './messages.ts';
import { PruneWork } from './prune-work.ts';

const work = new PruneWork(workerData as PruneWorkerData);

serve<PruneRequest, PruneResponse>((request) => work.handle(request));
