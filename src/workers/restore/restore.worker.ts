/** The worker of a restore: from a pack's bytes to finished files, with blocking calls. */
import { workerData } from 'node:worker_threads';
import { serve } from '../protocol.ts';
import type { RestoreRequest, RestoreResponse, RestoreWorkerData } from './messages.ts';
import { RestoreWork } from './restore-work.ts';
import { WorkerContext } from './worker-context.ts';

const work = new RestoreWork(new WorkerContext(workerData as RestoreWorkerData));

serve<RestoreRequest, RestoreResponse>((request) => work.handle(request));
