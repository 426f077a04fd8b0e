/** The worker of a restore: from a pack's bytes to finished files, with blocking calls. */
import { workerData } from 'node:worker_threads';
import { systemRandomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { loadIndexPath } from '../index-loading.ts';
import { IndexTable } from '../index-table.ts';
import { serve } from '../protocol.ts';
import type { RestoreRequest, RestoreResponse, RestoreWorkerData } from './messages.ts';
import { RestoreWork } from './restore-work.ts';
import { WorkerContext } from './worker-context.ts';

const data = workerData as RestoreWorkerData;
let work: RestoreWork | undefined;

serve<RestoreRequest, RestoreResponse>((request) => {
  if (request.kind === 'index-file') {
    const sealer = new Sealer(request.key, systemRandomness);
    return { kind: 'packs', packs: loadIndexPath(request.path, request.id, sealer, IndexTable.attach(request.index)) };
  }
  if (request.kind === 'begin') {
    work = new RestoreWork(new WorkerContext(data, request));
    return { kind: 'done' };
  }
  if (work !== undefined) return work.handle(request);
  // One that only read the index has nothing to close.
  if (request.kind === 'close') return { kind: 'done' };
  throw new HoldfastError('internal', `a restore worker was asked for '${request.kind}' before it began`);
});
