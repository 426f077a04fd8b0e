/** Files of patterns: --exclude-file and its kin, --include-file of a restore. */
import { readFile } from 'node:fs/promises';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { readableText } from '../patterns/path-text.ts';
import { type Environment, expandVariables } from './environment.ts';
import { decodeTextFile, splitLines, trimSpace } from './text-file.ts';

/**
 * The patterns of a file: a line each, white space around it removed, lines that begin with '#' left out, variables
 * replaced.
 *
 * @param option names the option in the message
 * @throws HoldfastError `usage` when the file cannot be read
 */
export async function readPatternFile(path: string, environment: Environment, option: string): Promise<string[]> {
  return parsePatternFile(await readListFile(path, option), environment);
}

export function parsePatternFile(bytes: Buffer, environment: Environment): string[] {
  return splitLines(decodeTextFile(bytes))
    .map((line) => trimSpace(readableText(line)))
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => expandVariables(line, environment));
}

/** @throws HoldfastError `usage` when the file cannot be read */
export async function readListFile(path: string, option: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { errno } = asHoldfastError(cause).context;
    throw new HoldfastError('usage', `the file of ${option} cannot be read: ${path}: ${errno ?? 'unknown error'}`, {
      cause,
      hint: 'Check the path and its permissions.',
      context: { option, path },
    });
  }
}
