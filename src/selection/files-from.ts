/** Lists of what to back up: --files-from, --files-from-verbatim and --files-from-raw, as restic reads them. */
import { HoldfastError } from '../base/errors.ts';
import { pathBytes, pathText, readableText } from '../patterns/path-text.ts';
import { globFiles, isFilePattern } from './file-glob.ts';
import { readListFile } from './pattern-file.ts';
import { decodeTextFile, splitLines, trimSpace } from './text-file.ts';

export interface FileList {
  /**
   * - patterns: a line each, trimmed, '#' begins a comment, wildcards are expanded
   * - verbatim: a path on each line, as it stands
   * - raw: paths of any bytes, each ended by NUL, as `find -print0` writes them
   */
  readonly form: 'patterns' | 'verbatim' | 'raw';
  /** '-' for the standard input. */
  readonly path: string;
}

export interface ListContext {
  readonly readStandardInput: () => Promise<Buffer>;
  readonly onWarning: (message: string) => void;
}

/**
 * Everything that is to be backed up, in order; whether it exists is not asked (`missingTargets`).
 *
 * @throws HoldfastError `usage` when a list cannot be read or is malformed, and when nothing is left
 */
export async function collectTargets(paths: readonly Uint8Array[], lists: readonly FileList[], context: ListContext): Promise<Buffer[]> {
  const targets: Buffer[] = [];
  for (const list of lists) targets.push(...(await readFileList(list, context)));
  targets.push(...paths.map((path) => Buffer.from(path)));
  if (targets.length > 0) return targets;
  throw new HoldfastError('usage', 'there is nothing to back up: neither the arguments nor a list name a file or directory', {
    hint: 'Name at least one path, or check the files that were given as lists.',
  });
}

/** @throws HoldfastError `usage` when the list cannot be read or is malformed */
export async function readFileList(list: FileList, context: ListContext): Promise<Buffer[]> {
  const option = optionNames[list.form];
  const isStandardInput = list.path === '-';
  const bytes = isStandardInput ? await context.readStandardInput() : await readListFile(list.path, option);
  if (list.form === 'raw') return splitRaw(bytes, list);
  // restic takes the standard input as it comes and decodes files only.
  const lines = splitLines(isStandardInput ? bytes : decodeTextFile(bytes));
  if (list.form === 'verbatim') return lines.filter((line) => line.length > 0);
  return expandLines(lines, list, context);
}

const optionNames = {
  patterns: '--files-from',
  verbatim: '--files-from-verbatim',
  raw: '--files-from-raw',
} as const satisfies Record<FileList['form'], string>;

async function expandLines(lines: readonly Buffer[], list: FileList, context: ListContext): Promise<Buffer[]> {
  const targets: Buffer[] = [];
  for (const line of lines) {
    const text = trimSpace(readableText(line));
    if (text === '' || text.startsWith('#')) continue;
    targets.push(...(await expandLine(text, list, context)));
  }
  return targets;
}

/** A path without wildcards is kept even if nothing is there: that it is missing must come out. */
async function expandLine(text: string, list: FileList, context: ListContext): Promise<Buffer[]> {
  const pattern = pathText(text);
  if (!isFilePattern(pattern)) return [pathBytes(pattern)];
  const found = await globFiles(pattern);
  if (found === undefined) throw malformedList(list, `has a malformed pattern: ${text}`);
  if (found.length === 0) context.onWarning(`the pattern "${text}" fits no file`);
  return found.map(pathBytes);
}

function splitRaw(bytes: Buffer, list: FileList): Buffer[] {
  const names: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    // A name that was cut off could be that of another, larger directory.
    if (end < 0) throw malformedList(list, 'does not end in a NUL byte');
    if (end === start) throw malformedList(list, 'has an empty name');
    names.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return names;
}

function malformedList(list: FileList, fault: string): HoldfastError {
  const option = optionNames[list.form];
  const source = list.path === '-' ? 'standard input' : list.path;
  return new HoldfastError('usage', `the list of ${option} ${fault} (${source})`, { context: { option, path: list.path } });
}
