/** What a run measured, with the conditions; and several runs as one. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Measurement } from './measurement.ts';
import type { Conditions } from './tables.ts';

export interface Outcome {
  readonly conditions: Conditions;
  readonly measurements: readonly Measurement[];
}

export function saveOutcome(file: string, outcome: Outcome): void {
  writeFileSync(file, `${JSON.stringify(outcome, null, 2)}\n`);
}

export function loadOutcome(file: string): Outcome {
  return JSON.parse(readFileSync(file, 'utf8')) as Outcome;
}

/** @throws Error where the runs were not about the same programs, machine and data, or measured the same thing twice */
export function mergeOutcomes(outcomes: readonly Outcome[]): Outcome {
  const [first, ...others] = outcomes;
  if (first === undefined) throw new Error('there is nothing to merge');
  return others.reduce(mergeTwo, first);
}

function mergeTwo(one: Outcome, other: Outcome): Outcome {
  for (const name of ['machine', 'versions'] as const) {
    const [here, there] = [one, other].map(({ conditions }) => JSON.stringify(conditions[name]));
    if (here !== there) throw new Error(`runs that differ do not belong into one table: ${name} ${here} and ${there}`);
  }
  const known = new Set(one.measurements.map(identityOf));
  const twice = other.measurements.map(identityOf).find((identity) => known.has(identity));
  if (twice !== undefined) throw new Error(`both runs have measured ${twice}`);
  const corpora = new Map([...one.conditions.corpora, ...other.conditions.corpora].map((corpus) => [corpus.name, corpus]));
  return {
    conditions: {
      ...one.conditions,
      date: [one.conditions.date, other.conditions.date].sort().at(-1) ?? '',
      fileSystems: { ...one.conditions.fileSystems, ...other.conditions.fileSystems },
      corpora: [...corpora.values()],
      notes: [...new Set([...one.conditions.notes, ...other.conditions.notes])],
    },
    measurements: [...one.measurements, ...other.measurements],
  };
}

function identityOf({ place, corpus, operation }: Measurement): string {
  return `${place} ${corpus} ${operation}`;
}
