/** The worker of a backup: everything behind a path, up to the sealed pack, with blocking calls. */
import { workerData } from 'node:worker_threads';
import { HoldfastError } from '../../base/errors.ts';
import { serve } from '../protocol.ts';
import { ArchiveWork } from './archive-work.ts';
import type { ArchiveRequest, ArchiveResponse, ArchiveWorkerData } from './messages.ts';
import { WorkerContext } from './worker-context.ts';

const data = workerData as ArchiveWorkerData;
let work: ArchiveWork | undefined;

serve<ArchiveRequest, ArchiveResponse>((request) => {
  if (request.kind === 'begin') {
    work = new ArchiveWork(new WorkerContext(data, request));
    return { kind: 'done' };
  }
  if (work === undefined) throw new HoldfastError('internal', `an archive worker was asked for '${request.kind}' before it began`);
  return work.handle(request);
});
