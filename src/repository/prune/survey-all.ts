/** Has all workers look at the packs of the index, each at some. */
import type { PackGroups } from '../../workers/check/pack-groups.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import type { SurveyRequest } from '../../workers/prune/messages.ts';
import { inLanes, type PruneWorkers } from './prune-workers.ts';

/** Some 30 ms of work: short enough to share out evenly. */
const entriesPerRequest = 100_000;

export interface SurveyedPacks {
  readonly index: IndexTable;
  readonly groups: PackGroups;
}

/** @returns the sum of what they found */
export async function surveyAll(
  workers: PruneWorkers,
  { index, groups }: SurveyedPacks,
  request: Pick<SurveyRequest, 'step' | 'staying'>,
): Promise<number> {
  let found = 0;
  await inLanes(workers.lanes, packRanges(index.packCount, groups), async ({ start, end }) => {
    found += (await workers.ask({ kind: 'survey', ...request, start, end })).found;
  });
  return found;
}

function* packRanges(packCount: number, groups: PackGroups): Generator<{ readonly start: number; readonly end: number }> {
  let start = 0;
  let entryCount = 0;
  for (let pack = 0; pack < packCount; pack++) {
    entryCount += groups.entriesOf(pack).length;
    if (entryCount < entriesPerRequest && pack + 1 < packCount) continue;
    yield { start, end: pack + 1 };
    start = pack + 1;
    entryCount = 0;
  }
}
