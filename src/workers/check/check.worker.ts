/** The worker of a check: reads packs and trees and proves them. */
import { workerData } from 'node:worker_threads';
import { serve } from '../protocol.ts';
import { CheckWork } from './check-work.ts';
import type { CheckRequest, CheckResponse, CheckWorkerData } from './messages.ts';

const work = new CheckWork(workerData as CheckWorkerData);

serve<CheckRequest, CheckResponse>((request) => work.handle(request));
