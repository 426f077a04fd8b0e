/** What is to be kept, as restic's options --keep-* say. A snapshot stays when any of the rules keeps it. */
import { formatTimeSpan, isEmptySpan, type TimeSpan } from './time-span.ts';

/** Periods of the calendar, each with rules of its own, in restic's order. */
export const periods = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type Period = (typeof periods)[number];

/** `last` counts snapshots, the others one snapshot for each period in which there is one. */
export const countedRules = ['last', ...periods] as const;
export type CountedRule = (typeof countedRules)[number];

/** A count without end, by restic's number for it. */
export const unlimited = -1;

export interface KeepPolicy {
  /** How many; 0 or absent is no rule, `unlimited` keeps all. */
  readonly counts: Readonly<Partial<Record<CountedRule, number>>>;
  /** All that are younger than this, counted back from the newest snapshot. */
  readonly within?: TimeSpan | undefined;
  /** One for each period, among those that are younger than this. */
  readonly withinPeriods: Readonly<Partial<Record<Period, TimeSpan | undefined>>>;
  /** All that have every tag of one of these lists; '' stands for having none. */
  readonly tagLists: readonly (readonly string[])[];
}

export const emptyPolicy: KeepPolicy = { counts: {}, withinPeriods: {}, tagLists: [] };

/** Whether the policy has no rule, so that it would keep nothing. */
export function isEmptyPolicy(policy: KeepPolicy): boolean {
  return describePolicy(policy).length === 0;
}

/** The rules as a person would say them, one text each. */
export function describePolicy({ counts, within, withinPeriods, tagLists }: KeepPolicy): string[] {
  const counted = countedRules.flatMap((rule) => describeCount(rule, counts[rule] ?? 0));
  const spans = periods.flatMap((period) => describeSpan(`${period} within`, withinPeriods[period]));
  const tags = tagLists.map((list) => `tags ${list.join(',') || '(none)'}`);
  return [...counted, ...describeSpan('within', within), ...spans, ...tags];
}

function describeCount(rule: CountedRule, count: number): string[] {
  if (count === 0) return [];
  return [count === unlimited ? `all ${rule}` : `${count} ${rule}`];
}

function describeSpan(what: string, span: TimeSpan | undefined): string[] {
  return span === undefined || isEmptySpan(span) ? [] : [`${what} ${formatTimeSpan(span)}`];
}
