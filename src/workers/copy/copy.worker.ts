/** The worker of a copy between two repositories. */
import { workerData } from 'node:worker_threads';
import { systemRandomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { loadIndexPath } from '../index-loading.ts';
import { IndexTable } from '../index-table.ts';
import { serve } from '../protocol.ts';
import { CopyWork } from './copy-work.ts';
import type { CopyRequest, CopyResponse, CopyWorkerData } from './messages.ts';

const data = workerData as CopyWorkerData;
let work: CopyWork | undefined;

serve<CopyRequest, CopyResponse>((request) => {
  if (request.kind === 'index-file') {
    const sealer = new Sealer(request.key, systemRandomness);
    return { kind: 'packs', packs: loadIndexPath(request.path, request.id, sealer, IndexTable.attach(request.index)) };
  }
  if (request.kind === 'begin') {
    work = new CopyWork(data, request);
    return { kind: 'done' };
  }
  if (work === undefined) throw new HoldfastError('internal', `a copy worker was asked for '${request.kind}' before it began`);
  return work.handle(request);
});
