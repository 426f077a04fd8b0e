/** The command line into typed values: what was given, else the environment, else nothing. */
import { parseArgs } from 'node:util';
import { HoldfastError } from '../../base/errors.ts';
import type { Environment } from '../environment.ts';
import { type OptionSpec, type OptionTable, type ParsedOptions, takesValue, type ValueOrigin, type Values, valueOrigin } from './option.ts';
import { suggest } from './suggest.ts';
import { convertValue, type OptionValue } from './values.ts';

/** @throws HoldfastError `usage` naming the option or variable that is unknown or has an unusable value */
export function parseOptions<T extends OptionTable>(args: readonly string[], table: T, environment: Environment): ParsedOptions<T> {
  const given = new Map<string, OptionValue[]>();
  const positionals: string[] = [];
  for (const token of readTokens(args, table)) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind === 'option') collect(given, token, findSpec(token, table));
  }
  const origins = new Map<string, ValueOrigin>();
  for (const name of given.keys()) origins.set(name, valueOrigin.commandLine);
  addVariables(given, origins, table, environment);
  const values = Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, settle(spec, given.get(name) ?? [])]));
  return { values: values as Values<T>, origins, positionals };
}

/** Node's parser in its lenient mode: it knows the syntax, we say what is an error and suggest what was meant. */
export function readTokens(args: readonly string[], table: OptionTable) {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, spec]) => [
      name,
      { type: takesValue(spec) ? ('string' as const) : ('boolean' as const), ...(spec.short === undefined ? {} : { short: spec.short }) },
    ]),
  );
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

export function isKnown(token: OptionToken, table: OptionTable): boolean {
  return Object.hasOwn(table, token.name) && (token.rawName === `--${token.name}` || table[token.name]?.short === token.rawName.slice(1));
}

export interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
}

function findSpec(token: OptionToken, table: OptionTable): OptionSpec {
  const spec = isKnown(token, table) ? table[token.name] : undefined;
  if (spec === undefined) throw unknownOption(token.rawName, table);
  return spec;
}

export function unknownOption(rawName: string, table: OptionTable, hint?: string): HoldfastError {
  const names = Object.entries(table).filter(([, spec]) => spec.isHidden !== true);
  const nearest = rawName.startsWith('--')
    ? suggest(
        rawName.slice(2),
        names.map(([name]) => name),
      )
    : undefined;
  const suggestion = nearest === undefined ? 'Add --help to the command to see its options.' : `Did you mean --${nearest}?`;
  return new HoldfastError('usage', `the option ${rawName} is not known`, { hint: hint ?? suggestion });
}

function collect(given: Map<string, OptionValue[]>, token: OptionToken, spec: OptionSpec): void {
  const list = given.get(token.name) ?? [];
  given.set(token.name, list);
  if (token.value !== undefined) {
    list.push(convertValue(spec, token.value, token.rawName));
    return;
  }
  if (takesValue(spec)) {
    throw new HoldfastError('usage', `the option ${token.rawName} needs a value`, {
      hint: `Write ${token.rawName} ${spec.valueName ?? 'VALUE'}.`,
    });
  }
  list.push(spec.kind === 'count' ? countOf(list) + 1 : true);
}

function addVariables(
  given: Map<string, OptionValue[]>,
  origins: Map<string, ValueOrigin>,
  table: OptionTable,
  environment: Environment,
): void {
  for (const [name, spec] of Object.entries(table)) {
    if (spec.env === undefined || given.has(name)) continue;
    const variable = environment.find(spec.env);
    if (variable === undefined) continue;
    given.set(name, [convertValue(spec, variable.value, variable.name)]);
    origins.set(name, variable.origin);
  }
}

function settle(spec: OptionSpec, list: readonly OptionValue[]): OptionValue | readonly OptionValue[] | undefined {
  if (spec.kind === 'many') return list;
  if (spec.kind === 'flag') return list.at(-1) ?? false;
  if (spec.kind === 'count') return countOf(list);
  return list.at(-1);
}

function countOf(list: readonly OptionValue[]): number {
  const last = list.at(-1);
  return typeof last === 'number' ? last : 0;
}
