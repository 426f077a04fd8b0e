/** A path as a person writes it, into one inside a snapshot. */
import { type QuotedName, quoteName } from '../../format/go-quote.ts';
import { joinPath, rootPath, type TreePath } from './tree-path.ts';

/** The names of a path: `/a//b/./c/` and `a/b/c` are the same three, `..` takes one back, as Go's path.Clean has it. */
export function parsePathNames(text: string): QuotedName[] {
  const names: QuotedName[] = [];
  for (const name of text.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(quoteName(Buffer.from(name, 'utf8')));
  }
  return names;
}

export function parsePath(text: string): TreePath {
  return parsePathNames(text).reduce<TreePath>((path, name) => joinPath(path, name), rootPath);
}
