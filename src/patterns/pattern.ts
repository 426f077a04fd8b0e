/**
 * One pattern of restic's language (doc/040_backup.rst there, "Excluding files").
 *
 * A pattern is a run of components. It matches a path when the run is found in the path's components: at the beginning
 * when the pattern begins with '/', anywhere otherwise, and what follows does not matter, so that a pattern which matches
 * a directory matches everything in it. '**' stands for any number of components.
 */
import { type Glob, globFits, parseGlob } from './glob.ts';
import { cleanPath, type PathText } from './path-text.ts';

export interface Pattern {
  /** Written with '!' in front: takes back what earlier patterns matched. */
  readonly isNegated: boolean;
  /** Written with '/' in front: the first component is the path's first. */
  readonly isRooted: boolean;
  /** Components, without the root; `gap` for '**'. */
  readonly parts: readonly Part[];
  readonly gapCount: number;
}

export const gap = '**';
export type Part = Glob | typeof gap;

/** @returns undefined for a malformed pattern */
export function parsePattern(line: PathText): Pattern | undefined {
  const isNegated = line.startsWith('!');
  const clean = cleanPath((isNegated ? line.slice(1) : line) as PathText);
  const isRooted = clean.startsWith('/');
  const parts: Part[] = [];
  for (const component of (isRooted ? clean.slice(1) : clean).split('/')) {
    // '/' alone has an empty component behind the root, which restic takes for '**': it matches every absolute path.
    const part = component === gap || component === '' ? gap : parseGlob(component);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return { isNegated, isRooted, parts, gapCount: parts.filter((part) => part === gap).length };
}

/** The components of a path and whether it begins at the root, which is no component here. */
export interface SplitPath {
  readonly isAbsolute: boolean;
  readonly names: readonly string[];
}

export function splitPath(path: PathText): SplitPath {
  const isAbsolute = path.startsWith('/');
  return { isAbsolute, names: (isAbsolute ? path.slice(1) : path).split('/') };
}

/**
 * Whether the pattern matches the path, without regard to '!'. Takes any pattern, however many gaps it has; time grows
 * with the square of the path's components.
 *
 * restic expands gaps from left to right and meanwhile counts each of the following as one component of the path at least,
 * although in the end it may stand for none: 'a/**' + '/b/**' does not match 'a/b', but matches 'a/b/c'. Kept, because a
 * backup must exclude the same files with the same list.
 */
export function patternMatches(pattern: Pattern, path: SplitPath): boolean {
  if (pattern.isRooted) return path.isAbsolute && runFits(pattern, path, 0);
  for (let start = 0; start < path.names.length; start += 1) {
    if (runFits(pattern, path, start)) return true;
  }
  return false;
}

/**
 * Whether the pattern's parts fit a run of components that begins at `start`. Each stretch of globs is put as far to the
 * left as it fits, which leaves most room for the next.
 */
function runFits(pattern: Pattern, path: SplitPath, start: number): boolean {
  const { parts } = pattern;
  const { names } = path;
  // restic counts the root as a component of path and pattern.
  const spare = names.length + (path.isAbsolute ? 1 : 0) - parts.length - (pattern.isRooted ? 1 : 0);
  let gapsLeft = pattern.gapCount;
  let stretch: Glob[] = [];
  let position = start;
  let lastPosition = start;
  for (let index = 0; index <= parts.length; index += 1) {
    const part = parts[index];
    if (part !== undefined && part !== gap) {
      stretch.push(part);
      continue;
    }
    position = placeStretch(stretch, names, position, lastPosition);
    stretch = [];
    if (part === undefined) break;
    gapsLeft -= 1;
    lastPosition = gapsLeft === 0 ? names.length : start + index + 1 + spare;
    if (position > lastPosition) return false;
  }
  return position <= names.length;
}

/** Where the stretch ends when it begins between `from` and `last`, as early as possible; infinity where it does not fit. */
function placeStretch(stretch: readonly Glob[], names: readonly string[], from: number, last: number): number {
  if (stretch.length === 0) return from;
  for (let position = from; position <= Math.min(last, names.length - stretch.length); position += 1) {
    if (stretch.every((glob, index) => globFits(glob, names[position + index] ?? ''))) return position + stretch.length;
  }
  return Number.POSITIVE_INFINITY;
}
