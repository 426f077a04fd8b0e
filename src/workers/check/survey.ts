/** Counts blobs by what the walk over all trees left in the shared sets. */
import type { IndexTable } from '../index-table.ts';
import { type CheckMemory, SharedBits } from './check-memory.ts';
import type { SurveyRequest, SurveyResponse } from './messages.ts';

export function survey(index: IndexTable, memory: CheckMemory, { start, end }: SurveyRequest): SurveyResponse {
  const used = new SharedBits(memory.usedBits);
  const counts = { blobCount: 0, unusedCount: 0, unusedBytes: 0 };
  const id = new Uint8Array(32);
  for (let entry = start; entry < end; entry++) {
    index.copyId(entry, id);
    // The first entry of a blob stands for all of them.
    if (index.find(id, index.typeOf(entry)) !== entry) continue;
    counts.blobCount++;
    if (used.has(entry)) continue;
    counts.unusedCount++;
    counts.unusedBytes += index.lengthOf(entry);
  }
  return { kind: 'survey', ...counts };
}
