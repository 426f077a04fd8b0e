/** --exclude-if-present and --exclude-caches: a file in a directory says that the others are not worth keeping. */
import { HoldfastError } from '../base/errors.ts';
import { pathText, readableText } from '../patterns/path-text.ts';
import type { DirectoryProbe } from './entry.ts';

export interface DirectoryTag {
  readonly name: string;
  /** What the file has to begin with; without it its presence is enough. */
  readonly header?: string;
}

export type TagWarning = (message: string) => void;

/**
 * The argument of --exclude-if-present: `name` or `name:header`.
 *
 * @throws HoldfastError `usage` without a name
 */
export function parseDirectoryTag(text: string): DirectoryTag {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  if (name === '') {
    throw new HoldfastError('usage', '--exclude-if-present has no file name', { hint: 'Write it as NAME or as NAME:HEADER.' });
  }
  return colon < 0 ? { name } : { name, header: text.slice(colon + 1) };
}

/** Whether the directory of the probe holds the tag. A tag that cannot be read, or says something else, is none, with a warning. */
export function hasTag(tag: DirectoryTag, directory: string, probe: DirectoryProbe, warn: TagWarning): boolean {
  const name = pathText(tag.name);
  const header = pathText(tag.header ?? '');
  const head = probe.readHead(name, header.length);
  if (head === undefined) return false;
  const where = readableText(Buffer.from(directory + name, 'latin1'));
  if (typeof head === 'number') {
    warn(`the tag file ${where} cannot be read, so its directory is not excluded`);
    return false;
  }
  if (header === pathText(head.subarray(0, header.length))) return true;
  warn(`the tag file ${where} does not begin with "${tag.header}", so its directory is not excluded`);
  return false;
}
