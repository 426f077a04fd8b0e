/** Days, weeks and clocks of the calendar, in plain numbers: the year may lie far outside what Date can hold. */

const secondsPerDay = 86_400;

/** A date and a time of day as a clock on the wall shows them. */
export interface WallTime {
  readonly year: number;
  /** 1 to 12 */
  readonly month: number;
  /** 1 to 31 */
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** What the text of a time says, read as it stands there: `2026-11-21T03:04:05.123+01:00`. The text must be of RFC 3339. */
export function wallTimeOf(time: string): WallTime {
  const part = (start: number, end: number) => Number(time.slice(start, end));
  return { year: part(0, 4), month: part(5, 7), day: part(8, 10), hour: part(11, 13), minute: part(14, 16), second: part(17, 19) };
}

/** Seconds east of UTC at the end of the text; undefined for `Z`, which is UTC whatever zone a machine is in. */
export function offsetOf(time: string): number | undefined {
  if (time.endsWith('Z')) return undefined;
  const seconds = Number(time.slice(-5, -3)) * 3600 + Number(time.slice(-2)) * 60;
  return time.at(-6) === '-' ? -seconds : seconds;
}

/** Seconds that the wall time is after 1970 on the same wall. Months and days may be out of range: they carry over. */
export function wallSeconds({ year, month, day, hour, minute, second }: WallTime): number {
  return dayNumber(year, month, day) * secondsPerDay + hour * 3600 + minute * 60 + second;
}

/** The week that the day belongs to, after ISO 8601: weeks begin on Monday, and the first of a year holds its first Thursday. */
export function isoWeekOf({ year, month, day }: WallTime): { readonly year: number; readonly week: number } {
  const number = dayNumber(year, month, day);
  // 1970 began on a Thursday.
  const daysAfterMonday = modulo(number + 3, 7);
  const thursday = number - daysAfterMonday + 3;
  const weekYear = thursday < dayNumber(year, 1, 1) ? year - 1 : thursday >= dayNumber(year + 1, 1, 1) ? year + 1 : year;
  return { year: weekYear, week: Math.floor((thursday - dayNumber(weekYear, 1, 1)) / 7) + 1 };
}

/** Days after 1 January 1970 in the calendar of today, carried back as far as anybody likes. */
function dayNumber(year: number, month: number, day: number): number {
  const monthsFromMarch = month - 3;
  const yearFromMarch = year + Math.floor(monthsFromMarch / 12);
  // Counted from March the leap day comes last, and the months before it are 31, 30, 31, 30, 31 days long, over and over.
  const daysBeforeMonth = Math.floor((153 * modulo(monthsFromMarch, 12) + 2) / 5);
  const leapDays = Math.floor(yearFromMarch / 4) - Math.floor(yearFromMarch / 100) + Math.floor(yearFromMarch / 400);
  return yearFromMarch * 365 + leapDays + daysBeforeMonth + day - 1 - daysFromYearZeroTo1970;
}

/** From 1 March of the year 0, where the count above has its zero. */
const daysFromYearZeroTo1970 = 719_468;

function modulo(dividend: number, divisor: number): number {
  return dividend - Math.floor(dividend / divisor) * divisor;
}
