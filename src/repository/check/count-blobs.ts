/** Counts all blobs after the walk, by all workers. */
import type { CheckRequest, CheckResponse, SurveyResponse } from '../../workers/check/messages.ts';
import type { WorkerPool } from '../../workers/pool.ts';

/** Some 30 ms of work: short enough to share out evenly. */
const entriesPerRequest = 100_000;

export interface BlobCounts {
  readonly blobCount: number;
  readonly unusedCount: number;
  readonly unusedBytes: number;
}

export async function countBlobs(pool: WorkerPool<CheckRequest, CheckResponse>, entryCount: number): Promise<BlobCounts> {
  const requests: Promise<CheckResponse>[] = [];
  for (let start = 0; start < entryCount; start += entriesPerRequest) {
    requests.push(pool.run({ kind: 'survey', start, end: Math.min(entryCount, start + entriesPerRequest) }));
  }
  const counts = { blobCount: 0, unusedCount: 0, unusedBytes: 0 };
  for (const response of (await Promise.all(requests)) as SurveyResponse[]) {
    counts.blobCount += response.blobCount;
    counts.unusedCount += response.unusedCount;
    counts.unusedBytes += response.unusedBytes;
  }
  return counts;
}
