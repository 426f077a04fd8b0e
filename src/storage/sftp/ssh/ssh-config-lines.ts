/** The lines of a configuration file of ssh: a keyword and its arguments (ssh_config(5)). */
import { readFile, stat } from 'node:fs/promises';
import { asHoldfastError, HoldfastError } from '../../../base/errors.ts';

export interface ConfigFile {
  readonly path: string;
  /** Where relative names of included files count from. */
  readonly folder: string;
  /** The user's own: nobody else may be able to write it, for it can name commands. */
  readonly isPrivate: boolean;
}

export interface ConfigLine {
  /** In small letters. */
  readonly keyword: string;
  readonly args: readonly [string, ...string[]];
  /** The arguments as they were written: a command. */
  readonly text: string;
  /** `path:line`, for messages. */
  readonly where: string;
}

const maxFileBytes = 1 << 20;
const writableByOthers = 0o022;

/** None for a file that is not there. @throws HoldfastError `usage` for what cannot be read or understood */
export async function readConfigLines(file: ConfigFile): Promise<ConfigLine[]> {
  const text = await readText(file);
  return text.split('\n').flatMap((line, index) => parseLine(line.trim(), `${file.path}:${index + 1}`));
}

async function readText({ path, isPrivate }: ConfigFile): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return '';
    if (isPrivate && ((found.mode & writableByOthers) !== 0 || !isOurs(found.uid))) throw notPrivate(path);
    if (found.size > maxFileBytes) throw unusableConfig(path, 'the file is too large for a configuration');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    const known = asHoldfastError(error);
    if (known.code === 'storage-missing') return '';
    throw new HoldfastError('usage', `the configuration of ssh cannot be read: ${known.message}`, { cause: error });
  }
}

function isOurs(uid: number): boolean {
  return uid === 0 || process.getuid === undefined || uid === process.getuid();
}

function parseLine(line: string, where: string): ConfigLine[] {
  if (line === '' || line.startsWith('#')) return [];
  const [, keyword = '', text = ''] = /^([^\s=]+)[\s=]*(.*)$/s.exec(line) ?? [];
  const [first, ...others] = splitArguments(text, where);
  if (first === undefined) throw unusableConfig(where, `${keyword} has no value`);
  return [{ keyword: keyword.toLowerCase(), args: [first, ...others], text, where }];
}

/** Blanks separate, quotes keep them, and what follows a lone `#` is a comment. */
function splitArguments(text: string, where: string): string[] {
  const words: string[] = [];
  let rest = text;
  while (rest !== '' && !rest.startsWith('#')) {
    const [whole, quoted, plain] = /^(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))\s*/s.exec(rest) ?? [];
    if (whole === undefined) throw unusableConfig(where, 'a quote never ends');
    words.push(quoted === undefined ? (plain ?? '') : quoted.replace(/\\(["\\])/g, '$1'));
    rest = rest.slice(whole.length);
  }
  return words;
}

function notPrivate(path: string): HoldfastError {
  return new HoldfastError('usage', `the configuration of ssh ${path} can be changed by others`, {
    hint: `It can name commands to run, so nobody else may write it: chmod go-w ${path}`,
    context: { path },
  });
}

export function unusableConfig(where: string, fact: string): HoldfastError {
  return new HoldfastError('usage', `the configuration of ssh is not usable: ${where}: ${fact}`, { context: { where } });
}
