/** Spans of time as `--keep-within` takes them: `1y5m7d2h`, counted on the calendar and not in seconds. */
import { HoldfastError } from '../base/errors.ts';
import { offsetOf, type WallTime, wallSeconds, wallTimeOf } from './calendar.ts';

export interface TimeSpan {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** Seconds east of UTC that clocks of this machine's zone show at a moment, given in seconds since 1970. */
export type ZoneOffset = (unixSeconds: number) => number;

/** A moment, and the text that says at which offset it was written. */
export interface WrittenTime {
  /** RFC 3339 */
  readonly time: string;
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
}

const unitNames = { y: 'years', m: 'months', d: 'days', h: 'hours' } as const satisfies Record<string, keyof TimeSpan>;
/** More is a slip of the hand. Within these, numbers are exact, and restic's counting of hours in nanoseconds does not overflow. */
const mostDigits = 9;
const mostHours = 2_562_047;
const nanosecondsPerSecond = 1_000_000_000n;

/**
 * Units may come in any order; of a unit that comes twice the last counts, as in restic. '' is a span of no length.
 * @param where names the option in the error
 */
export function parseTimeSpan(text: string, where: string): TimeSpan {
  const trimmed = text.trim();
  const span = { years: 0, months: 0, days: 0, hours: 0 };
  if (!/^(?:\d+[ymdh])*$/u.test(trimmed)) throw badSpan(where, text, 'Give years, months, days and hours, as in 1y5m7d2h.');
  for (const [, digits = '', unit = ''] of trimmed.matchAll(/(\d+)([ymdh])/gu)) {
    span[unitNames[unit as keyof typeof unitNames]] =
      digits.replace(/^0+/u, '').length > mostDigits ? Number.POSITIVE_INFINITY : Number(digits);
  }
  const isTooLong = span.hours > mostHours || !Object.values(span).every(Number.isFinite);
  if (isTooLong) throw badSpan(where, text, 'That is longer than anything can have been kept: to keep all, give a few hundred years.');
  return span;
}

function badSpan(where: string, text: string, hint: string): HoldfastError {
  return new HoldfastError('usage', `${where} cannot be ${JSON.stringify(text)}`, { hint });
}

export function isEmptySpan({ years, months, days, hours }: TimeSpan): boolean {
  return years === 0 && months === 0 && days === 0 && hours === 0;
}

/** In the order of the units, without those that are zero. */
export function formatTimeSpan({ years, months, days, hours }: TimeSpan): string {
  const part = (count: number, unit: string) => (count === 0 ? '' : `${count}${unit}`);
  return part(years, 'y') + part(months, 'm') + part(days, 'd') + part(hours, 'h');
}

/**
 * The moment that lies a span before another, in nanoseconds since 1970: years, months and days on the calendar and the clock of the
 * place, then hours as such. A day that the month does not have carries over: one month before 31 March is 3 March, or 2 in a leap year.
 *
 * As in Go, whose arithmetic restic takes, the place is this machine's zone with its summer time if the text has the offset that this
 * zone had then, and else one that always has the offset of the text.
 */
export function momentBefore(moment: WrittenTime, span: TimeSpan, zone: ZoneOffset): bigint {
  const wall = wallTimeOf(moment.time);
  const wallNs = BigInt(wallSeconds(goBack(wall, span))) * nanosecondsPerSecond;
  const written = offsetOf(moment.time);
  const isLocal = written !== undefined && zone(wallSeconds(wall) - written) === written;
  const offset = isLocal ? offsetOnWall(Number(wallNs / nanosecondsPerSecond), zone) : (written ?? 0);
  return wallNs - BigInt(offset + span.hours * 3600) * nanosecondsPerSecond + fractionOf(moment.timeNs);
}

function goBack(wall: WallTime, span: TimeSpan): WallTime {
  return { ...wall, year: wall.year - span.years, month: wall.month - span.months, day: wall.day - span.days };
}

/** Twice the offset: as if the wall were UTC, then at the moment that this gives. So Go settles hours that are there twice or not at all. */
function offsetOnWall(seconds: number, zone: ZoneOffset): number {
  return zone(seconds - zone(seconds));
}

function fractionOf(timeNs: bigint): bigint {
  return ((timeNs % nanosecondsPerSecond) + nanosecondsPerSecond) % nanosecondsPerSecond;
}
