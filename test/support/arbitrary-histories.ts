/** Histories of snapshots and policies as they occur, and as they should never occur: for everything about retention. */
import fc from 'fast-check';
import { countedRules, type KeepPolicy, periods, unlimited } from '../../src/retention/policy.ts';
import type { TimeSpan } from '../../src/retention/time-span.ts';

export interface HistoryEntry {
  /** RFC 3339, as restic writes it. */
  readonly time: string;
  readonly timeNs: bigint;
  readonly tags: readonly string[];
}

/** Seconds since 1970 around which histories gather: leap days, ends of years, changes to and from summer time, and far ends. */
const interestingMoments = [
  '2024-02-29T12:00:00Z',
  '2023-03-01T00:00:00Z',
  '2024-12-30T00:00:00Z',
  '2021-01-03T23:59:59Z',
  '2024-03-31T01:00:00Z',
  '2024-10-27T01:00:00Z',
  '2025-03-09T07:00:00Z',
  '1970-01-01T00:00:00Z',
  '2038-01-19T03:14:07Z',
].map((time) => Date.parse(time) / 1000);

/** Of UTC, of central Europe in winter and summer, and of places with half hours and on both sides of the date line. */
const offsetsMinutes = [undefined, 60, 120, 330, -210, -300, -240, 780, -660] as const;

const hour = 3600;
const gaps = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 2 * hour }) },
  { weight: 3, arbitrary: fc.integer({ min: 20 * hour, max: 28 * hour }) },
  { weight: 2, arbitrary: fc.integer({ min: 5 * 24 * hour, max: 40 * 24 * hour }) },
  { weight: 1, arbitrary: fc.integer({ min: 300 * 24 * hour, max: 500 * 24 * hour }) },
);

interface Place {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly offset: number | undefined;
  readonly tags: readonly string[];
}

const tags = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 });
const nanoseconds = fc.oneof(fc.constant(0), fc.constantFrom(1, 500_000_000, 999_999_999));

/** From the first to the last, mostly; a history of one place has one offset, or that of a clock which is set back and forth. */
export const histories: fc.Arbitrary<HistoryEntry[]> = fc
  .record({
    start: fc.constantFrom(...interestingMoments),
    offsets: fc.uniqueArray(fc.constantFrom(...offsetsMinutes), { minLength: 1, maxLength: 2 }),
    steps: fc.array(fc.record({ gap: gaps, nanoseconds, tags, turn: fc.nat() }), { minLength: 1, maxLength: 25 }),
  })
  .map(({ start, offsets, steps }) => {
    // Backwards and forwards from the interesting moment.
    let seconds = start - Math.floor(steps.reduce((sum, { gap }) => sum + gap, 0) / 2);
    return steps.map(({ gap, turn, ...step }) => {
      seconds += gap;
      return entryAt({ ...step, seconds, offset: offsets[turn % offsets.length] });
    });
  });

function entryAt({ seconds, nanoseconds: fraction, offset, tags: entryTags }: Place): HistoryEntry {
  return { time: textOf(seconds, fraction, offset), timeNs: BigInt(seconds) * 1_000_000_000n + BigInt(fraction), tags: entryTags };
}

/** As Go writes it: no zeros at the end of the fraction. */
function textOf(seconds: number, fraction: number, offset: number | undefined): string {
  const wall = new Date((seconds + (offset ?? 0) * 60) * 1000).toISOString().slice(0, 19);
  const decimals = fraction === 0 ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/u, '')}`;
  if (offset === undefined) return `${wall}${decimals}Z`;
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.abs(offset);
  return `${wall}${decimals}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

const counts = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }) },
  fc.constant(unlimited),
);
const unit = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 15 }));
const timeSpans: fc.Arbitrary<TimeSpan> = fc.record(
  { years: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 })), months: unit, days: unit, hours: unit },
  { noNullPrototype: true },
);
const spans = fc.option(timeSpans, { nil: undefined, freq: 1 });

/** Any policy, the empty one included. */
export const policies: fc.Arbitrary<KeepPolicy> = fc.record(
  {
    counts: fc.record(Object.fromEntries(countedRules.map((rule) => [rule, counts])), { noNullPrototype: true }),
    within: spans,
    withinPeriods: fc.record(Object.fromEntries(periods.map((period) => [period, spans])), { noNullPrototype: true }),
    tagLists: fc.array(fc.array(fc.constantFrom('a', 'b', ''), { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
  },
  { noNullPrototype: true },
);
