/** From the options --keep-* to a policy. */
import { HoldfastError } from '../../base/errors.ts';
import { countedRules, type KeepPolicy, periods, unlimited } from '../../retention/policy.ts';
import { parseTimeSpan, type TimeSpan } from '../../retention/time-span.ts';
import { parseTagList } from '../../repository/snapshot-filter.ts';
import { parseWholeNumber } from '../options/values.ts';
import type { ForgetValues } from './forget-options.ts';

/** @throws HoldfastError `usage` naming the option whose value is no count or no span */
export function keepPolicy(values: ForgetValues): KeepPolicy {
  return {
    counts: Object.fromEntries(countedRules.map((rule) => [rule, countOf(values[`keep-${rule}`], `--keep-${rule}`)])),
    within: spanOf(values['keep-within'], '--keep-within'),
    withinPeriods: Object.fromEntries(
      periods.map((period) => [period, spanOf(values[`keep-within-${period}`], `--keep-within-${period}`)]),
    ),
    tagLists: values['keep-tag'].map(parseTagList),
  };
}

/** -1 is how older versions of restic write `unlimited`. */
function countOf(text: string | undefined, where: string): number {
  if (text === undefined) return 0;
  if (text === 'unlimited' || text === '-1') return unlimited;
  try {
    return parseWholeNumber(text, where);
  } catch (cause) {
    const hint = "Give a whole number, or 'unlimited' to keep all.";
    throw new HoldfastError('usage', `${where} cannot be ${JSON.stringify(text)}`, { hint, cause });
  }
}

function spanOf(text: string | undefined, where: string): TimeSpan | undefined {
  return text === undefined ? undefined : parseTimeSpan(text, where);
}
