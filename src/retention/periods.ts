/** Rules that keep one snapshot of each period: the newest, for snapshots come newest first. */
import { isoWeekOf, type WallTime } from './calendar.ts';
import { type CountedRule, type Period, unlimited } from './policy.ts';

export interface Candidate {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** By the clock that its own time was written by. */
  readonly wall: WallTime;
  /** 0 is the newest. */
  readonly position: number;
  readonly isOldest: boolean;
}

/** Periods as numbers: two snapshots with the same number are of the same period. */
const bucketOf: Readonly<Record<CountedRule, (candidate: Candidate) => number>> = {
  last: ({ position }) => position,
  hourly: ({ wall }) => wall.year * 1_000_000 + wall.month * 10_000 + wall.day * 100 + wall.hour,
  daily: ({ wall }) => wall.year * 10_000 + wall.month * 100 + wall.day,
  weekly: ({ wall }) => {
    const { year, week } = isoWeekOf(wall);
    return year * 100 + week;
  },
  monthly: ({ wall }) => wall.year * 100 + wall.month,
  yearly: ({ wall }) => wall.year,
};

/**
 * Compares with the period it met last and not with all: where offsets change, a clock may go back into a period that was over, and
 * restic then keeps one more.
 */
class Buckets {
  readonly #bucketOf: (candidate: Candidate) => number;
  #last: number | undefined;

  constructor(rule: CountedRule) {
    this.#bucketOf = bucketOf[rule];
  }

  /** '' for the first of a period, 'oldest ' for the very last snapshot if its period has one already; undefined for the others. */
  accept(candidate: Candidate): '' | 'oldest ' | undefined {
    const bucket = this.#bucketOf(candidate);
    if (bucket === this.#last) return candidate.isOldest ? 'oldest ' : undefined;
    this.#last = bucket;
    return '';
  }
}

/** `--keep-daily 7` and its like: as many as the count says. */
export class CountRule {
  readonly rule: CountedRule;
  readonly #buckets: Buckets;
  #left: number;

  constructor(rule: CountedRule, count: number) {
    this.rule = rule;
    this.#buckets = new Buckets(rule);
    this.#left = count;
  }

  /** What is left of the count. */
  get left(): number {
    return this.#left;
  }

  /** The reason for which the candidate stays, if it does. */
  judge(candidate: Candidate): string | undefined {
    if (this.#left === 0) return undefined;
    const prefix = this.#buckets.accept(candidate);
    if (prefix === undefined) return undefined;
    if (this.#left !== unlimited) this.#left -= 1;
    return `${prefix}${this.rule} snapshot`;
  }
}

/** The younger end of a history. */
export interface Recent {
  /** Snapshots after this moment are within; nanoseconds since 1970. */
  readonly afterNs: bigint;
  /** The span that was asked for, as a person wrote it. */
  readonly span: string;
}

/** `--keep-within-daily 1y` and its like: any number, but only within the span. */
export class RecentRule {
  readonly #period: Period;
  readonly #recent: Recent;
  readonly #buckets: Buckets;

  constructor(period: Period, recent: Recent) {
    this.#period = period;
    this.#recent = recent;
    this.#buckets = new Buckets(period);
  }

  /** The reason for which the candidate stays, if it does. */
  judge(candidate: Candidate): string | undefined {
    if (candidate.timeNs <= this.#recent.afterNs) return undefined;
    const prefix = this.#buckets.accept(candidate);
    return prefix === undefined ? undefined : `${prefix}${this.#period} within ${this.#recent.span}`;
  }
}
