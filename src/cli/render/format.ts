/** Numbers, times and names as people read them; the shapes are those that restic's users know. */

const byteUnits = [
  { size: 2 ** 40, name: 'TiB' },
  { size: 2 ** 30, name: 'GiB' },
  { size: 2 ** 20, name: 'MiB' },
  { size: 2 ** 10, name: 'KiB' },
] as const;

/** `1.234 GiB`; bytes below one KiB have no decimals. */
export function formatBytes(bytes: number): string {
  const unit = byteUnits.find(({ size }) => bytes >= size);
  return unit === undefined ? `${Math.round(bytes)} B` : `${(bytes / unit.size).toFixed(3)} ${unit.name}`;
}

/** `12:34`, from an hour on `1:02:03`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = padTwo(whole % 60);
  return hours > 0 ? `${hours}:${padTwo(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** `12.34%`, at most 100; empty when there is no whole to take a part of. */
export function formatPercent(part: number, whole: number): string {
  return whole === 0 ? '' : `${Math.min(100, (100 * part) / whole).toFixed(2)}%`;
}

/** `2026-11-21 00:38:12` in this machine's time zone, from milliseconds since 1970. */
export function formatLocalTime(unixMs: number): string {
  const time = new Date(unixMs);
  if (Number.isNaN(time.getTime())) return '0000-00-00 00:00:00';
  const date = `${String(time.getFullYear()).padStart(4, '0')}-${padTwo(time.getMonth() + 1)}-${padTwo(time.getDate())}`;
  return `${date} ${padTwo(time.getHours())}:${padTwo(time.getMinutes())}:${padTwo(time.getSeconds())}`;
}

/** `5 files`, `1 file`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

// Control characters, line and paragraph separators, direction overrides, and the mark of bytes that are no UTF-8.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this looks for
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffd]/u;

/** A name that cannot disturb a terminal: as it is when it is harmless, else quoted with escapes. */
export function printableName(name: string): string {
  if (!unprintable.test(name)) return name;
  const escapeCharacter = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(name).replace(new RegExp(unprintable, 'gu'), escapeCharacter);
}

function padTwo(number: number): string {
  return String(number).padStart(2, '0');
}
