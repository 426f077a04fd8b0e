/** Times as people type them, in this machine's zone unless they say another one. */
import { HoldfastError } from '../base/errors.ts';

const dashed =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)(?:[ T](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d))?)?(?: ?(?<zone>[+-]\d\d:?\d\d|Z|UTC))?$/;
const dotted =
  /^(?<day>\d\d)\.(?<month>\d\d)\.(?<year>\d{4})(?: (?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d))?)?(?: ?(?<zone>[+-]\d\d:?\d\d|Z|UTC))?$/;

/**
 * Nanoseconds since 1970 of `2026-11-21`, `2026-11-21 10:00`, `21.11.2026 10:00:00`, with `+0100`, `UTC` or nothing behind it.
 * @param option names the option in the message
 */
export function parseUserTime(text: string, option: string): bigint {
  const parts = (dashed.exec(text) ?? dotted.exec(text))?.groups;
  const unixMs = parts === undefined ? Number.NaN : toUnixMs(parts);
  if (Number.isNaN(unixMs)) {
    throw new HoldfastError('usage', `${option} cannot be ${JSON.stringify(text)}`, { hint: "Give a time like '2026-11-21 10:00:00'." });
  }
  return BigInt(unixMs) * 1_000_000n;
}

function toUnixMs({ year, month, day, hour = '00', minute = '00', second = '00', zone }: Record<string, string | undefined>): number {
  const isUtc = zone === 'Z' || zone === 'UTC';
  const suffix = zone === undefined ? '' : isUtc ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
  const unixMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${suffix}`);
  // Date.parse takes 31 February for 3 March; a typing mistake shall not become another day.
  const isRealDay = Number(day) >= 1 && Number(day) <= daysOfMonth(Number(year), Number(month));
  return isRealDay ? unixMs : Number.NaN;
}

function daysOfMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
