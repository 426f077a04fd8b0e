/** Splits a command into words as restic splits RESTIC_PASSWORD_COMMAND: quotes group, and no shell ever sees it. */
import { HoldfastError } from './errors.ts';

/**
 * Words are separated by blanks, backslashes outside quotes, and quotes themselves; a quote after a backslash is a plain
 * character. Fact from restic's backend/shell_split.go. Empty words do not exist.
 */
export function splitShellWords(command: string, where: string): [string, ...string[]] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let last = '';
  for (const character of command) {
    const isQuote = last !== '\\' && (quote === '' ? character === '"' || character === "'" : character === quote);
    if (isQuote) quote = quote === '' ? character : '';
    else last = character;
    const isSeparator = isQuote || (quote === '' && (character === '\\' || /\s/u.test(character)));
    if (!isSeparator) word += character;
    else if (word !== '') {
      words.push(word);
      word = '';
    }
  }
  if (word !== '') words.push(word);
  return checkWords(words, quote, where);
}

function checkWords(words: string[], openQuote: string, where: string): [string, ...string[]] {
  if (openQuote !== '') {
    throw new HoldfastError('usage', `${where} has a quote (${openQuote}) that never ends`, { hint: 'Close the quote in the command.' });
  }
  const [program, ...rest] = words;
  if (program === undefined) throw new HoldfastError('usage', `${where} names no program`, { hint: 'Give the program and its arguments.' });
  return [program, ...rest];
}
