/** Names of files by pattern, as Go's filepath.Glob finds them: in the order of bytes, directory by directory. */
import { lstat, readdir, stat } from 'node:fs/promises';
import { globFits, parseGlob } from '../patterns/glob.ts';
import { cleanPath, type PathText, pathBytes, pathText } from '../patterns/path-text.ts';

/**
 * The paths that fit. What cannot be read fits nothing.
 *
 * @returns undefined for a malformed pattern
 */
export async function globFiles(pattern: PathText): Promise<PathText[] | undefined> {
  const components = pattern.split('/');
  if (components.length > mostComponents || components.some((component) => parseGlob(component) === undefined)) return undefined;
  return expand(pattern);
}

/** Whether a path means more than itself: it has '*', '?', '[' or a backslash. */
export function isFilePattern(path: string): boolean {
  return /[*?[\\]/.test(path);
}

/** A path of PATH_MAX (4,096) bytes has no more; the walk below goes one call deep for each. */
const mostComponents = 2048;

async function expand(pattern: PathText): Promise<PathText[]> {
  if (!isFilePattern(pattern)) return (await exists(pattern)) ? [pattern] : [];
  const slash = pattern.lastIndexOf('/');
  const above = aboveSlash(pattern, slash);
  const directories = isFilePattern(above) ? await expand(above) : [above];
  const found: PathText[] = [];
  for (const directory of directories) found.push(...(await matchingEntries(directory, pattern.slice(slash + 1))));
  return found;
}

function aboveSlash(pattern: PathText, slash: number): PathText {
  if (slash < 0) return pathText('.');
  return (slash === 0 ? '/' : pattern.slice(0, slash)) as PathText;
}

async function matchingEntries(directory: PathText, component: string): Promise<PathText[]> {
  const glob = parseGlob(component);
  if (glob === undefined || !(await isDirectory(directory))) return [];
  const names = await readdir(pathBytes(directory), { encoding: 'buffer' }).catch(() => []);
  return names
    .map((name) => pathText(name))
    .filter((name) => globFits(glob, name))
    .sort()
    .map((name) => cleanPath(`${directory}/${name}` as PathText));
}

async function exists(path: PathText): Promise<boolean> {
  return lstat(pathBytes(path)).then(
    () => true,
    () => false,
  );
}

async function isDirectory(path: PathText): Promise<boolean> {
  return stat(pathBytes(path)).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
