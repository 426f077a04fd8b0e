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
  /** As it was written, for messages. */
  readonly original: string;
  /** Written with '!' in front: takes back what earlier patterns matched. */
  readonly isNegated: boolean;
  /** Written with '/' in front: the first component is the path's first. */
  readonly isRooted: boolean;
  /** Components, without the root; `gap` for '**'. */
  readonly parts: readonly Part[];
}

export const gap = '**';
export type Part = Glob | typeof gap;

/** @returns undefined for a malformed pattern */
export function parsePattern(line: PathText, original: string): Pattern | undefined {
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
  return { original, isNegated, isRooted, parts };
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
 * Whether the pattern matches the path, without regard to '!'. Takes any pattern, however many gaps it has, in
 * time that grows with components of pattern x components of path, squared.
 *
 * restic expands gaps from left to right and meanwhile counts each of the following as one component of the path at least,
 * although in the end it may stand for none: 'a/**' + '/b/**' does not match 'a/b', but matches 'a/b/c'. Kept, because a
 * backup must exclude the same files with the same list.
 */
export function patternMatches(pattern: Pattern, path: SplitPath): boolean {
  if (pattern.isRooted) return path.isAbsolute && runFits(pattern, path, 0);
  for (let start = 0; start <= path.names.length; start += 1) {
    if (runFits(pattern, path, start)) return true;
  }
  return false;
}

/** Whether the pattern's parts fit a run of components that begins at `start`. */
function runFits(pattern: Pattern, path: SplitPath, start: number): boolean {
  const { parts } = pattern;
  const { names } = path;
  // restic counts the root as a component of path and pattern.
  const spare = names.length + (path.isAbsolute ? 1 : 0) - parts.length - (pattern.isRooted ? 1 : 0);
  let gapsLeft = parts.filter((part) => part === gap).length;
  let positions = new Set([start]);
  for (const [index, part] of parts.entries()) {
    if (part === gap) {
      gapsLeft -= 1;
      positions = stretch(positions, names.length, gapsLeft === 0 ? Number.POSITIVE_INFINITY : start + index + 1 + spare);
    } else {
      positions = step(positions, names, part);
    }
    if (positions.size === 0) return false;
  }
  // A pattern of gaps only needs one component to match.
  return pattern.isRooted || [...positions].some((position) => position > start);
}

/** Every position from the first of `positions` up to the end of the path or `limit`. */
function stretch(positions: ReadonlySet<number>, end: number, limit: number): Set<number> {
  const stretched = new Set<number>();
  const last = Math.min(end, limit);
  for (let position = Math.min(...positions); position <= last; position += 1) stretched.add(position);
  return stretched;
}

function step(positions: ReadonlySet<number>, names: readonly string[], glob: Glob): Set<number> {
  const next = new Set<number>();
  for (const position of positions) {
    const name = names[position];
    if (name !== undefined && globFits(glob, name)) next.add(position + 1);
  }
  return next;
}
