/** What a prune is going to do: found by reading alone, the same for a dry run and for the real one. */
import type { PackId } from '../../base/ids.ts';
import { type PackDecisions, decidePacks, type PruneLimits } from './decide.ts';
import { PackSurvey, type SurveyOptions } from './pack-survey.ts';
import type { PruneStatistics } from './statistics.ts';
import type { Usage } from './usage.ts';

export interface PrunePlan {
  readonly statistics: PruneStatistics;
  /** Packs that are in the index, needed by nobody, and not in the storage: the index forgets them. */
  readonly missingPacks: readonly PackId[];
  readonly survey: PackSurvey;
  readonly decisions: PackDecisions;
  readonly usage: Usage;
}

export interface PlanOptions extends SurveyOptions {
  readonly limits: PruneLimits;
  /** Of the repository's format. */
  readonly version: number;
}

/** @throws HoldfastError `damaged` when something that snapshots use is missing: then nothing may be removed */
export async function planPacks(usage: Usage, options: PlanOptions): Promise<PrunePlan> {
  const survey = await PackSurvey.run(usage, options);
  const missing = survey.missing();
  // Their blobs are gone already; restic counts them as removed, too.
  for (const pack of missing) {
    for (const entry of survey.groups.entriesOf(pack)) {
      survey.sums.remove.blobs++;
      survey.sums.remove.bytes += survey.index.lengthOf(entry);
    }
  }
  const decisions = decidePacks(survey.facts(), options.limits, survey.sums, options.version);
  const missingPacks = missing.map((pack) => survey.index.packIdHex(pack) as PackId);
  return { statistics: survey.sums.statistics(), missingPacks, survey, decisions, usage };
}

/** Whether executing it changes nothing. Packs that several index files name are left by a prune that was killed while it replaced them. */
export function isEmptyPlan({ decisions, missingPacks, survey }: PrunePlan): boolean {
  const changes = [decisions.remove, decisions.repack, missingPacks, survey.unreferenced, survey.grouped.repeated];
  return changes.every((list) => list.length === 0);
}
