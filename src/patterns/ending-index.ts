/**
 * Finds, among thousands of patterns, those whose run of components ends exactly at a path's last component.
 *
 * That is all that has to be looked for in a path whose directory has been asked before: a pattern that matches the
 * directory matches its entries too. Patterns are filed under their last component, so most are never looked at.
 */
import { type Glob, globFits } from './glob.ts';
import { gap, type Part, type Pattern, patternMatches, type SplitPath, splitPath } from './pattern.ts';
import type { PathText } from './path-text.ts';

/** In place of the number of a pattern: none. */
export const none = -1;

interface Candidate {
  /** Position in the list of patterns. */
  readonly number: number;
  readonly isRooted: boolean;
  /** What stands before the gap; the first components of a rooted pattern. */
  readonly head: readonly Glob[];
  readonly hasGap: boolean;
  /** What stands behind the gap, or everything; the last is the one it is filed under. */
  readonly tail: readonly Glob[];
}

export class EndingIndex {
  #isEmpty = true;
  /** Highest number of the patterns that match every absolute path: '/' and '/**'. */
  #rootNumber = none;
  readonly #literals = new Map<string, Candidate[]>();
  readonly #suffixes = new AffixTable((name, length) => name.slice(name.length - length));
  readonly #prefixes = new AffixTable((name, length) => name.slice(0, length));
  readonly #others: Candidate[] = [];
  /** Patterns of two gaps and more: too odd to be filed (see `patternMatches`), and rare. */
  readonly #odd: { readonly number: number; readonly pattern: Pattern }[] = [];

  /** Numbers have to rise from call to call. */
  add(number: number, pattern: Pattern): void {
    this.#isEmpty = false;
    if (pattern.gapCount > 1) this.#odd.unshift({ number, pattern });
    else this.#file(toCandidate(number, pattern));
  }

  get rootNumber(): number {
    return this.#rootNumber;
  }

  /** The highest number, above `floor`, of a pattern that ends at the last component of `path`; else `floor`. */
  lastEnding(path: PathText, floor: number): number {
    if (this.#isEmpty) return floor;
    const name = path.slice(path.lastIndexOf('/') + 1);
    const query = new Query(path);
    let best = query.best(this.#literals.get(name), floor);
    best = this.#suffixes.best(name, query, best);
    best = this.#prefixes.best(name, query, best);
    for (const candidate of this.#others) {
      if (candidate.number <= best) break;
      if (globFits(lastOf(candidate.tail), name) && query.fits(candidate)) best = candidate.number;
    }
    for (const { number, pattern } of this.#odd) {
      if (number <= best) break;
      if (patternMatches(pattern, query.split)) best = number;
    }
    return best;
  }

  #file(candidate: Candidate): void {
    if (candidate.tail.length === 0) {
      this.#rootNumber = candidate.number;
      return;
    }
    const glob = lastOf(candidate.tail);
    if (glob.kind === 'literal') fileUnder(this.#literals, glob.text, candidate);
    else if (glob.kind === 'suffix') this.#suffixes.file(glob.text, candidate);
    else if (glob.kind === 'prefix') this.#prefixes.file(glob.text, candidate);
    else this.#others.unshift(candidate);
  }
}

/** Beginnings or ends of names: one look-up for every length that occurs. */
class AffixTable {
  readonly #byLength: { readonly length: number; readonly table: Map<string, Candidate[]> }[] = [];
  readonly #cut: (name: string, length: number) => string;

  constructor(cut: (name: string, length: number) => string) {
    this.#cut = cut;
  }

  file(affix: string, candidate: Candidate): void {
    let entry = this.#byLength.find(({ length }) => length === affix.length);
    if (entry === undefined) {
      entry = { length: affix.length, table: new Map() };
      this.#byLength.push(entry);
    }
    fileUnder(entry.table, affix, candidate);
  }

  best(name: string, query: Query, floor: number): number {
    let best = floor;
    for (const { length, table } of this.#byLength) {
      if (length <= name.length) best = query.best(table.get(this.#cut(name, length)), best);
    }
    return best;
  }
}

/** One path, split only when a pattern needs more than its last component. */
class Query {
  readonly #path: PathText;
  #split: SplitPath | undefined;

  constructor(path: PathText) {
    this.#path = path;
  }

  get split(): SplitPath {
    this.#split ??= splitPath(this.#path);
    return this.#split;
  }

  /** Candidates come with the highest number first. */
  best(candidates: readonly Candidate[] | undefined, floor: number): number {
    if (candidates === undefined) return floor;
    for (const candidate of candidates) {
      if (candidate.number <= floor) return floor;
      if (this.fits(candidate)) return candidate.number;
    }
    return floor;
  }

  /** Whether the rest fits too; that the last component does is known. */
  fits(candidate: Candidate): boolean {
    const { head, tail, hasGap, isRooted } = candidate;
    if (!isRooted && tail.length === 1 && head.length === 0) return true;
    const { names, isAbsolute } = this.split;
    const tailStart = names.length - tail.length;
    if (tailStart < head.length || (isRooted && !isAbsolute)) return false;
    if (isRooted && !hasGap && tailStart > 0) return false;
    if (!runFitsAt(tail, names, tailStart)) return false;
    if (isRooted) return runFitsAt(head, names, 0);
    for (let start = tailStart - head.length; start >= 0; start -= 1) {
      if (runFitsAt(head, names, start)) return true;
    }
    return false;
  }
}

function runFitsAt(globs: readonly Glob[], names: readonly string[], start: number): boolean {
  return globs.every((glob, index) => globFits(glob, names[start + index] ?? ''));
}

const anyName: Glob = { kind: 'suffix', text: '' };

function toCandidate(number: number, pattern: Pattern): Candidate {
  const { parts, isRooted } = pattern;
  const gapAt = parts.indexOf(gap);
  const head = gapAt < 0 ? [] : globsOf(parts.slice(0, gapAt));
  const tail = globsOf(parts.slice(gapAt + 1));
  if (gapAt < 0 || tail.length > 0) return { number, isRooted, head, hasGap: gapAt >= 0, tail };
  // What follows a match does not matter, so a gap at the end changes nothing; alone it needs one component.
  return { number, isRooted, head: [], hasGap: false, tail: head.length > 0 || isRooted ? head : [anyName] };
}

function globsOf(parts: readonly Part[]): Glob[] {
  return parts.filter((part) => part !== gap);
}

function lastOf(globs: readonly Glob[]): Glob {
  return globs.at(-1) ?? anyName;
}

function fileUnder(table: Map<string, Candidate[]>, key: string, candidate: Candidate): void {
  const candidates = table.get(key);
  if (candidates === undefined) table.set(key, [candidate]);
  else candidates.unshift(candidate);
}
