/**
 * Times as Go writes them in JSON: RFC 3339 with up to nine decimals, in the local time zone of the process.
 *
 * The local zone is the one Node knows: TZ when it names a zone, else that of the system; it must not change while the process runs.
 * Offsets are whole minutes in the text: those of zones before standard time are cut, while the clock keeps its seconds, as in Go.
 */
import { HoldfastError } from '../base/errors.ts';
import type { ByteText } from './byte-text.ts';

/** What Go writes for a time that was never set. */
export const zeroTime = '0001-01-01T00:00:00Z';

const nanosecondsPerSecond = 1_000_000_000n;
/** JavaScript's Date ends 100,000,000 days from 1970. */
const latestDateSeconds = 8_640_000_000_000;
/** The calendar, and every zone's last rule, repeat after 400 years of 146,097 days. */
const calendarCycleSeconds = 146_097n * 86_400n;
const highestYear = 9999;

/** Files come in clusters of equal seconds; 4,096 of them in a table by their low bits cost 100 KB and catch nearly all. */
const cacheSlots = 4096;
const cachedSeconds = new Float64Array(cacheSlots).fill(Number.NaN);
/** `2006-01-02T15:04:05` of each slot. */
const clockLength = 19;
const cachedClocks = Buffer.alloc(cacheSlots * clockLength);
/** `Z` or `+01:00` of each slot. */
const cachedZones: string[] = new Array<string>(cacheSlots).fill('');

/** The moment `seconds` and `nanoseconds` (0 to 999,999,999) after 1970; years outside 0 to 9999 become 0 and 9999, as restic does. */
export function formatTime(seconds: number | bigint, nanoseconds: number): string {
  const slot = timeSlot(seconds);
  const fraction = nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`;
  return cachedClocks.toString('latin1', slot * clockLength, (slot + 1) * clockLength) + fraction + (cachedZones[slot] as string);
}

/** The same as bytes, for those who write many. */
export function writeTime(out: ByteText, seconds: number | bigint, nanoseconds: number): void {
  const slot = timeSlot(seconds);
  out.copy(cachedClocks, slot * clockLength, clockLength);
  out.fraction(nanoseconds);
  out.text(cachedZones[slot] as string);
}

/** Where the texts of a second are, until the next call. */
function timeSlot(seconds: number | bigint): number {
  const key = typeof seconds === 'number' ? seconds : Number(seconds);
  const slot = key & (cacheSlots - 1);
  if (cachedSeconds[slot] !== key) fillSlot(slot, key, seconds);
  return slot;
}

export function formatTimeNs(timeNs: bigint): string {
  const seconds = floorDivide(timeNs, nanosecondsPerSecond);
  return formatTime(seconds, Number(timeNs - seconds * nanosecondsPerSecond));
}

function fillSlot(slot: number, key: number, seconds: number | bigint): void {
  const local = localDate(key, seconds);
  const year = local.getFullYear();
  if (year < 0) local.setFullYear(0, local.getMonth(), local.getDate());
  if (year > highestYear) local.setFullYear(highestYear, local.getMonth(), local.getDate());
  cachedSeconds[slot] = key;
  cachedClocks.write(formatClock(local), slot * clockLength, 'latin1');
  cachedZones[slot] = formatZone(zoneOffsetSeconds(local));
}

/** Beyond the range of Date a moment of the same month, day, clock and zone stands in; its year gets replaced anyway. */
function localDate(key: number, seconds: number | bigint): Date {
  if (Math.abs(key) <= latestDateSeconds) return new Date(key * 1000);
  const start = BigInt(key > 0 ? latestDateSeconds : -latestDateSeconds + Number(calendarCycleSeconds)) - calendarCycleSeconds;
  const distance = BigInt(seconds) - start;
  const within = distance - floorDivide(distance, calendarCycleSeconds) * calendarCycleSeconds;
  return new Date(Number(start + within) * 1000);
}

function formatClock(local: Date): string {
  const date = `${String(local.getFullYear()).padStart(4, '0')}-${twoDigits(local.getMonth() + 1)}-${twoDigits(local.getDate())}`;
  return `${date}T${twoDigits(local.getHours())}:${twoDigits(local.getMinutes())}:${twoDigits(local.getSeconds())}`;
}

/** Not getTimezoneOffset(), which loses the seconds that some zones had before standard time. */
function zoneOffsetSeconds(local: Date): number {
  const asUtc = new Date(0);
  asUtc.setUTCFullYear(local.getFullYear(), local.getMonth(), local.getDate());
  asUtc.setUTCHours(local.getHours(), local.getMinutes(), local.getSeconds(), local.getMilliseconds());
  return (asUtc.getTime() - local.getTime()) / 1000;
}

/** Seconds east of UTC that clocks of this machine's zone show at a moment; beyond the years that Date knows, as at their end. */
export function localOffsetSeconds(unixSeconds: number): number {
  const limit = latestDateSeconds - Number(calendarCycleSeconds);
  return zoneOffsetSeconds(new Date(Math.min(Math.max(unixSeconds, -limit), limit) * 1000));
}

function formatZone(offsetSeconds: number): string {
  if (offsetSeconds === 0) return 'Z';
  const minutes = Math.floor(Math.abs(offsetSeconds) / 60);
  return `${offsetSeconds < 0 ? '-' : '+'}${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

const timePattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * Nanoseconds since 1970 of a time in JSON, at any offset; decimals after the ninth are cut.
 * @throws HoldfastError `damaged` when it is no time of RFC 3339
 */
export function parseTime(text: string): bigint {
  const match = isTime(text) ? timePattern.exec(text) : null;
  if (match === null) throw badTime();
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour = '0', zoneMinute = '0'] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const offsetSeconds = (Number(zoneHour) * 3600 + Number(zoneMinute) * 60) * (sign === '-' ? -1 : 1);
  const clockSeconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const seconds = date.getTime() / 1000 + clockSeconds - offsetSeconds;
  return BigInt(seconds) * nanosecondsPerSecond + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}

const timeShape =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Whether parseTime would accept the text; much quicker. */
export function isTime(text: string): boolean {
  if (!timeShape.test(text)) return false;
  const day = text.slice(8, 10);
  return day < '29' || isDayOfMonth(Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(day));
}

function isDayOfMonth(year: number, month: number, day: number): boolean {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
}

function badTime(): HoldfastError {
  return new HoldfastError('damaged', 'a time is not in the form of RFC 3339');
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}
