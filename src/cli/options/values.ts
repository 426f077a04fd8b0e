/** From the text of an option or variable to its value. `where` names the option or the variable in the error. */
import { HoldfastError } from '../../base/errors.ts';
import type { OptionSpec } from './option.ts';

const sizeUnits: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const durationUnitsMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** Spellings of a truth value that Go's ParseBool takes, so that RESTIC_* variables mean the same here. */
const trueWords = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const falseWords = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

export type OptionValue = boolean | number | string;

export function convertValue(spec: OptionSpec, text: string, where: string): OptionValue {
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    throw badValue(where, text, `one of ${spec.choices.join(', ')}`);
  }
  switch (spec.kind) {
    case 'flag':
      return parseTruth(text, where);
    case 'count':
    case 'number':
      return parseWholeNumber(text, where);
    case 'size':
      return parseSize(text, where);
    case 'duration':
      return parseDuration(text, where);
    case 'text':
    case 'many':
      return text;
  }
}

export function parseTruth(text: string, where: string): boolean {
  if (trueWords.has(text)) return true;
  if (falseWords.has(text)) return false;
  throw badValue(where, text, 'true or false');
}

export function parseWholeNumber(text: string, where: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw badValue(where, text, 'a whole number');
  return value;
}

/** Bytes from `10`, `10B`, `10k`, `3M`, `2g`, `1T`; powers of 1024. */
export function parseSize(text: string, where: string): number {
  const match = /^(\d+)([bkmgt]?)$/i.exec(text);
  const value = Number(match?.[1]) * (sizeUnits[(match?.[2] ?? '').toLowerCase()] ?? Number.NaN);
  if (match === null || !Number.isSafeInteger(value)) throw badValue(where, text, 'a size like 800, 64k, 100M, 2G or 1T');
  return value;
}

/** Milliseconds from `90s`, `5m`, `1h30m`, `0`. */
export function parseDuration(text: string, where: string): number {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/.test(text)) throw badValue(where, text, 'a duration like 30s, 5m or 1h30m');
  let total = 0;
  for (const part of text.matchAll(/([\d.]+)(ns|us|ms|s|m|h)/g)) total += Number(part[1]) * (durationUnitsMs[part[2] ?? ''] ?? 0);
  return total;
}

function badValue(where: string, text: string, wanted: string): HoldfastError {
  return new HoldfastError('usage', `${where} cannot be ${JSON.stringify(text)}`, { hint: `Give ${wanted}.` });
}
