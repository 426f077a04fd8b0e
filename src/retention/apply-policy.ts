/**
 * Which snapshots a policy keeps, and why. Decisions and reasons are restic's (facts from its internal/data/snapshot_policy.go): both
 * programs may take turns on one repository, and nobody shall lose a snapshot that the other one promised to keep.
 *
 * - Snapshots are looked at from the newest on. In each period the first that comes is kept, until the count is used up.
 * - Periods are those of the clock that the snapshot's own time was written by, whatever zone this machine is in.
 * - While a count is not used up, the oldest snapshot stays although its period has one already: history shall not end early.
 * - Spans are counted back from the newest snapshot that is not in the future.
 *
 * Every rule is judged by itself, so no rule removes what another keeps. And since the newest of each period stays, whoever removes only
 * some of what was to be removed, because he was interrupted, decides the same the next time.
 */
import { hasAllTags } from '../base/tags.ts';
import { wallTimeOf } from './calendar.ts';
import { type Candidate, CountRule, type Recent, RecentRule } from './periods.ts';
import { type CountedRule, countedRules, type KeepPolicy, periods } from './policy.ts';
import { formatTimeSpan, isEmptySpan, momentBefore, type TimeSpan, type WrittenTime, type ZoneOffset } from './time-span.ts';

export interface DatedSnapshot extends WrittenTime {
  readonly tags: readonly string[];
}

/** What is left of each count after the snapshot was looked at. */
export type Counters = Readonly<Record<CountedRule, number>>;

export interface KeepReason<S> {
  readonly snapshot: S;
  /** restic's words: 'last snapshot', 'daily within 7d', 'has tags [a, b]'. */
  readonly matches: readonly string[];
  readonly counters: Counters;
}

/** All newest first. */
export interface RetentionPlan<S> {
  readonly keep: readonly S[];
  readonly remove: readonly S[];
  /** One for each of `keep`, in the same order. */
  readonly reasons: readonly KeepReason<S>[];
}

export interface PolicyTime {
  /** Now, in nanoseconds since 1970. */
  readonly nowNs: bigint;
  readonly zone: ZoneOffset;
}

/** Of snapshots of the same moment the first in `snapshots` counts as the newest. An empty policy keeps nothing. */
export function applyPolicy<S extends DatedSnapshot>(snapshots: readonly S[], policy: KeepPolicy, time: PolicyTime): RetentionPlan<S> {
  const ordered = snapshots.toSorted((a, b) => (a.timeNs === b.timeNs ? 0 : a.timeNs > b.timeNs ? -1 : 1));
  const rules = new Rules(policy, newestPast(ordered, time.nowNs), time.zone);
  const plan = { keep: [] as S[], remove: [] as S[], reasons: [] as KeepReason<S>[] };
  for (const [position, snapshot] of ordered.entries()) {
    const { timeNs, tags } = snapshot;
    const isOldest = position === ordered.length - 1;
    const matches = rules.judge({ timeNs, wall: wallTimeOf(snapshot.time), position, isOldest }, tags);
    if (matches.length === 0) {
      plan.remove.push(snapshot);
      continue;
    }
    plan.keep.push(snapshot);
    plan.reasons.push({ snapshot, matches, counters: rules.counters() });
  }
  return plan;
}

class Rules {
  readonly #tagLists: KeepPolicy['tagLists'];
  readonly #within: readonly Recent[];
  readonly #counted: readonly CountRule[];
  readonly #recent: readonly RecentRule[];

  /** @param newest spans are counted back from it */
  constructor(policy: KeepPolicy, newest: WrittenTime, zone: ZoneOffset) {
    const recentOf = (span: TimeSpan | undefined): Recent[] =>
      span === undefined || isEmptySpan(span) ? [] : [{ afterNs: momentBefore(newest, span, zone), span: formatTimeSpan(span) }];
    this.#tagLists = policy.tagLists;
    this.#within = recentOf(policy.within);
    this.#counted = countedRules.map((rule) => new CountRule(rule, policy.counts[rule] ?? 0));
    this.#recent = periods.flatMap((period) => recentOf(policy.withinPeriods[period]).map((recent) => new RecentRule(period, recent)));
  }

  /** Reasons in restic's order; none: the snapshot goes. Candidates come newest first. */
  judge(candidate: Candidate, tags: readonly string[]): string[] {
    return [
      ...this.#tagLists.filter((list) => hasAllTags(tags, list)).map((list) => `has tags [${list.join(', ')}]`),
      ...this.#within.filter(({ afterNs }) => candidate.timeNs > afterNs).map(({ span }) => `within ${span}`),
      ...this.#counted.flatMap((rule) => rule.judge(candidate) ?? []),
      ...this.#recent.flatMap((rule) => rule.judge(candidate) ?? []),
    ];
  }

  counters(): Counters {
    return Object.fromEntries(this.#counted.map(({ rule, left }) => [rule, left])) as Counters;
  }
}

/** The moment that restic starts from when no snapshot is older than now: then all are within, whatever the span. */
const beginningOfTime: WrittenTime = { time: '0001-01-01T00:00:00Z', timeNs: -62_135_596_800_000_000_000n };

function newestPast(newestFirst: readonly WrittenTime[], nowNs: bigint): WrittenTime {
  const found = newestFirst.find(({ timeNs }) => timeNs < nowNs);
  return found !== undefined && found.timeNs > beginningOfTime.timeNs ? found : beginningOfTime;
}
