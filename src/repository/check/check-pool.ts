/** The workers of a check. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { CheckRequest, CheckResponse, CheckWorkerData } from '../../workers/check/messages.ts';
import { WorkerPool } from '../../workers/pool.ts';
import { localPackFolder } from '../blobs/blob-loader.ts';
import type { CheckOptions } from './check-repository.ts';
import type { CheckedRepository } from './checked-repository.ts';

/** Each takes some 20 MB. The main thread checks packs as well, and four threads prove more packs a second than most disks give. */
const defaultWorkers = 3;

export function startCheckWorkers(
  { masterKey: key, backend }: CheckedRepository,
  { readData, workerCount = Math.min(defaultWorkers, availableParallelism()), signal }: CheckOptions,
): WorkerPool<CheckRequest, CheckResponse> {
  const data: CheckWorkerData = { key, packFolder: localPackFolder(backend) };
  const entry = new URL(`../../workers/check/check.worker${extname(import.meta.url)}`, import.meta.url);
  // Without data to read, little may be left to do when a second worker has started.
  return new WorkerPool({ entry, workerCount, firstWorkers: readData ? workerCount : 1, workerData: () => data, signal });
}
