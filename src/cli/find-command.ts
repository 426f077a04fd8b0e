/** Which command the line names. Options before the command word must be global ones. */
import { HoldfastError } from '../base/errors.ts';
import { commandTable, isCommand, isCommandGroup } from './commands/table.ts';
import { globalOptions } from './options/global-options.ts';
import { isKnown, readTokens, unknownOption } from './options/parse.ts';
import { suggest } from './options/suggest.ts';

/** Commands of restic that do not exist here. Its users look for them, and deserve a better answer than "unknown". */
const resticOnly = new Set(['features', 'generate', 'mount', 'options', 'self-update']);

export interface FoundCommand {
  readonly name: string;
  /** All arguments but the words of the command. */
  readonly rest: readonly string[];
}

/** @returns undefined when the line has no command word */
export function findCommand(args: readonly string[]): FoundCommand | undefined {
  const first = takeWord(args);
  if (first === undefined) return undefined;
  if (first.word === 'help') return { name: 'help', rest: first.rest };
  if (isCommand(first.word)) return withMoreWords(first.word, first.rest, first.at);
  if (!isCommandGroup(first.word)) throw unknownCommand(first.word);
  return findSubcommand(first.word, first.rest);
}

function findSubcommand(group: string, rest: readonly string[]): FoundCommand {
  const second = takeWord(rest);
  if (second === undefined) return { name: group, rest };
  const name = `${group} ${second.word}`;
  if (!isCommand(name)) throw unknownCommand(name);
  return { name, rest: second.rest };
}

/** `serve` is a command, and the first word of others: those stand directly behind it. */
function withMoreWords(name: string, rest: readonly string[], at: number): FoundCommand {
  const next = rest[at] ?? '';
  const longer = `${name} ${next}`;
  if (isCommand(longer) || isCommandGroup(longer)) return withMoreWords(longer, rest.toSpliced(at, 1), at);
  if (!isCommand(name) && next !== '' && !next.startsWith('-')) throw unknownCommand(longer);
  return { name, rest };
}

/** The first argument that is neither an option nor an option's value. */
function takeWord(args: readonly string[]): { word: string; rest: readonly string[]; at: number } | undefined {
  for (const token of readTokens(args, globalOptions)) {
    if (token.kind === 'positional') return { word: token.value, rest: args.toSpliced(token.index, 1), at: token.index };
    const isVersion = token.kind === 'option' && (token.rawName === '--version' || token.rawName === '-V');
    if (token.kind === 'option' && !isVersion && !isKnown(token, globalOptions)) {
      throw unknownOption(token.rawName, globalOptions, 'Options of a command stand after its name: holdfast COMMAND [OPTION...].');
    }
  }
  return undefined;
}

export function unknownCommand(name: string): HoldfastError {
  if (resticOnly.has(name.split(' ')[0] ?? '')) {
    return new HoldfastError('usage', `the command ${name} is restic's and does not exist here yet`, {
      hint: 'The repository has the same format: restic itself can do it on this repository.',
    });
  }
  const nearest = suggest(name, ['help', ...Object.keys(commandTable)]);
  const hint = nearest === undefined ? 'Run holdfast help to see all commands.' : `Did you mean holdfast ${nearest}?`;
  return new HoldfastError('usage', `the command ${JSON.stringify(name)} is not known`, { hint });
}
