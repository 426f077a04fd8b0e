/** Options that answer one question: the nearest one counts, two equally near ones contradict each other. */
import { HoldfastError } from '../../base/errors.ts';
import { type ValueOrigin, valueOrigin } from './option.ts';

export interface Choice<N extends string> {
  readonly name: N;
  readonly value: string;
  readonly origin: ValueOrigin;
}

/** @throws HoldfastError `usage` when two of them come from the same place */
export function chooseOne<N extends string>(
  values: { readonly [K in N]: string | undefined },
  origins: ReadonlyMap<string, ValueOrigin>,
  names: readonly N[],
): Choice<N> | undefined {
  let best: Choice<N> | undefined;
  for (const name of names) {
    const value = values[name];
    const origin = origins.get(name) ?? valueOrigin.none;
    if (value === undefined || origin > (best?.origin ?? valueOrigin.none)) continue;
    if (origin === best?.origin) throw contradiction(best.name, name);
    best = { name, value, origin };
  }
  return best;
}

function contradiction(one: string, other: string): HoldfastError {
  return new HoldfastError('usage', `--${one} and --${other} contradict each other`, {
    hint: 'Give one of them, as an option or as a variable.',
  });
}
