/**
 * Paths inside a snapshot: they begin with a slash, and their names stand in the quoted form of the format,
 * so that a path holds any bytes in plain text. Quoting leaves slashes alone: a whole path unquotes like one name.
 */
import { displayName, isPlain, type QuotedName, unquoteName } from '../../format/go-quote.ts';

declare const treePathBrand: unique symbol;
export type TreePath = string & { readonly [treePathBrand]: true };

export const rootPath = '/' as TreePath;

export function joinPath(directory: TreePath, name: QuotedName): TreePath {
  return (directory === rootPath ? `/${name}` : `${directory}/${name}`) as TreePath;
}

/** For people. Bytes that are no text show as U+FFFD. */
export function displayPath(path: TreePath): string {
  return displayName(path as string as QuotedName);
}

/** Exactly the bytes: as text where that holds them, else raw. */
export function pathBytes(path: TreePath): string | Buffer {
  return isPlain(path) ? path : unquoteName(path);
}

/** Whether `path` is `directory` or lies in it. */
export function isWithin(path: TreePath, directory: TreePath): boolean {
  if (directory === rootPath || path === directory) return true;
  return path.startsWith(directory) && path[directory.length] === '/';
}
