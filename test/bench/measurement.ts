/** What is measured, in both groups, and what a single measurement is. */
import { type Contestant, type Operation, operationTitles } from './contestants.ts';
import type { CorpusName } from './corpora.ts';
import { type LifeName, lifeNames } from './life/names.ts';
import { type LifeOperation, lifeWorks } from './life/works.ts';
import type { Place } from './place.ts';

/** backup: data goes into a repository and out again · life: what is done with a repository in the years that follow */
export const groupNames = ['backup', 'life'] as const;
export type GroupName = (typeof groupNames)[number];

export type MeasuredCorpus = CorpusName | LifeName;
export type MeasuredOperation = Operation | LifeOperation;

export interface Measurement {
  readonly place: Place['name'];
  readonly corpus: MeasuredCorpus;
  readonly operation: MeasuredOperation;
  readonly round: number;
  readonly contestant: Contestant['name'];
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** After operations that are there to make the repository larger or smaller. */
  readonly repositoryBytes?: number;
}

export function groupOf(corpus: string): GroupName {
  return lifeNames.some((name) => name === corpus) ? 'life' : 'backup';
}

export function titleOf(operation: MeasuredOperation): string {
  return operation in lifeWorks ? lifeWorks[operation as LifeOperation].title : operationTitles[operation as Operation];
}
