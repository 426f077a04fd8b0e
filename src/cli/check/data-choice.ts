/** What the options of a check say about reading data. */
import { HoldfastError } from '../../base/errors.ts';
import { maxParts } from '../../repository/check/pack-selection.ts';
import { parseSize } from '../options/values.ts';

export type DataChoice =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'part'; readonly part: number; readonly count: number }
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'size'; readonly sizeBytes: number }
  | { readonly kind: 'oldest'; readonly sizeBytes: number };

export interface DataOptions {
  readonly 'read-data': boolean;
  readonly 'read-data-subset': string | undefined;
  readonly 'read-data-oldest': number | undefined;
}

const subsetOption = '--read-data-subset';

/** @throws HoldfastError `usage` for options that exclude each other, or a value that says nothing */
export function chooseData(values: DataOptions): DataChoice {
  const given = (['read-data', 'read-data-subset', 'read-data-oldest'] as const).filter(
    (name) => values[name] !== undefined && values[name] !== false,
  );
  const [first, second] = given;
  if (first !== undefined && second !== undefined) {
    throw new HoldfastError('usage', `--${first} and --${second} exclude each other`, {
      hint: 'Give one of them: all data, a part of it, or what was not proved for the longest time.',
    });
  }
  const { 'read-data-subset': subset, 'read-data-oldest': oldestBytes } = values;
  if (subset !== undefined) return parseSubset(subset);
  if (oldestBytes === undefined) return { kind: values['read-data'] ? 'all' : 'none' };
  return { kind: 'oldest', sizeBytes: notNothing(oldestBytes, '--read-data-oldest') };
}

/** `n/t`, `x%`, or a size. */
function parseSubset(text: string): DataChoice {
  const parts = /^(\d+)\/(\d+)$/.exec(text);
  if (parts !== null) return parsePart(text, Number(parts[1]), Number(parts[2]));
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent !== null) return parsePercent(text, Number(percent[1]));
  if (!/^\d+[bkmgt]?$/i.test(text)) throw badSubset(text, 'Give a part like 1/5, a percentage like 2.5%, or a size like 10G.');
  return { kind: 'size', sizeBytes: notNothing(parseSize(text, subsetOption), subsetOption) };
}

function parsePart(text: string, part: number, count: number): DataChoice {
  if (part >= 1 && part <= count && count <= maxParts) return { kind: 'part', part, count };
  throw badSubset(text, `Give n/t with n from 1 to t, and t up to ${maxParts}: 1/5 is the first of five parts.`);
}

function parsePercent(text: string, percent: number): DataChoice {
  if (percent > 0 && percent <= 100) return { kind: 'percent', percent };
  throw badSubset(text, 'Give a percentage above 0% and up to 100%.');
}

function notNothing(sizeBytes: number, option: string): number {
  if (sizeBytes > 0) return sizeBytes;
  throw new HoldfastError('usage', `${option} cannot be 0`, { hint: 'Leave the option out to read no data.' });
}

function badSubset(text: string, hint: string): HoldfastError {
  return new HoldfastError('usage', `${subsetOption} cannot be ${JSON.stringify(text)}`, { hint });
}
