/** The worker of a backup: everything behind a path, up to the sealed pack, with blocking calls. */
import { workerData } from 'node:worker_threads';
import { systemRandomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { loadIndexPath } from '../index-loading.ts';
import { IndexTable } from '../index-table.ts';
import { serve } from '../protocol.ts';
import { ArchiveWork } from './archive-work.ts';
import type { ArchiveRequest, ArchiveResponse, ArchiveWorkerData } from './messages.ts';
import { WorkerContext } from './worker-context.ts';

const data = workerData as ArchiveWorkerData;
let work: ArchiveWork | undefined;

serve<ArchiveRequest, ArchiveResponse>((request) => {
  if (request.kind === 'index-file') {
    const sealer = new Sealer(request.key, systemRandomness);
    return { kind: 'packs', packs: loadIndexPath(request.path, request.id, sealer, IndexTable.attach(request.index)) };
  }
  if (request.kind === 'begin') {
    work = new ArchiveWork(new WorkerContext(data, request));
    return { kind: 'done' };
  }
  if (work === undefined) throw new HoldfastError('internal', `an archive worker was asked for '${request.kind}' before it began`);
  return work.handle(request);
});
