/** A list of patterns, in which later ones count over earlier ones, compiled for many questions. */
import { HoldfastError } from '../base/errors.ts';
import { EndingIndex, none } from './ending-index.ts';
import { lowerCase } from './lower-case.ts';
import { type PathText, pathText } from './path-text.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { PrefixTrie } from './prefix-trie.ts';

export interface PatternOptions {
  /** Both patterns and paths are put into lower case first. */
  readonly ignoreCase?: boolean;
}

export interface PatternMatch {
  readonly isMatch: boolean;
  /** Whether something below the path may match: a directory that a restore has to enter. */
  readonly childMayMatch: boolean;
}

/**
 * Compiles patterns with exactly restic's meaning. Empty lines are skipped.
 *
 * @param lines text; bytes that are no UTF-8 as in `readableText`
 * @throws HoldfastError `usage` that names the malformed patterns. Stricter than restic, which notices some only while
 * it runs, and then does not exclude what they were written for.
 */
export function compilePatterns(lines: readonly string[], options: PatternOptions = {}): PatternList {
  const isCaseIgnored = options.ignoreCase ?? false;
  const malformed: string[] = [];
  const patterns: Pattern[] = [];
  for (const line of lines) {
    if (line === '') continue;
    const text = pathText(line);
    const pattern = parsePattern(isCaseIgnored ? lowerCase(text) : text);
    if (pattern === undefined) malformed.push(line);
    else patterns.push(pattern);
  }
  if (malformed.length > 0) throw malformedPatterns(malformed);
  return new PatternList(patterns, isCaseIgnored);
}

/** Highest numbers of the patterns that match: of those without '!', and of those with. */
interface LastMatches {
  readonly positive: number;
  readonly negated: number;
}

const nothing: LastMatches = { positive: none, negated: none };

/** Directories whose answers are kept: as many as are open in a walk, and some whose entries are still to come. */
const keptDirectories = 4096;

export class PatternList {
  readonly isEmpty: boolean;
  readonly #isCaseIgnored: boolean;
  readonly #positive = new EndingIndex();
  readonly #negated = new EndingIndex();
  readonly #open = new PrefixTrie();
  /** A pattern that is not rooted may match below anything. */
  #lastFloating = none;
  readonly #byDirectory = new Map<string, LastMatches>();
  #lastDirectory = '';
  #lastAbove: LastMatches = nothing;

  /** Use `compilePatterns`. */
  constructor(patterns: readonly Pattern[], isCaseIgnored: boolean) {
    this.isEmpty = patterns.length === 0;
    this.#isCaseIgnored = isCaseIgnored;
    for (const [number, pattern] of patterns.entries()) {
      (pattern.isNegated ? this.#negated : this.#positive).add(number, pattern);
      if (pattern.isNegated) continue;
      if (pattern.isRooted) this.#open.add(number, pattern);
      else this.#lastFloating = number;
    }
  }

  /** Quick when the paths of a directory are asked one after the other, or the directory before its entries. */
  isMatch(path: PathText): boolean {
    if (this.isEmpty || path === '') return false;
    const last = this.#lastMatches(this.#isCaseIgnored ? lowerCase(path) : path);
    return last.positive > last.negated;
  }

  match(path: PathText): PatternMatch {
    if (this.isEmpty || path === '') return { isMatch: false, childMayMatch: false };
    const text = this.#isCaseIgnored ? lowerCase(path) : path;
    const last = this.#lastMatches(text);
    const lastOpen = text.startsWith('/') ? this.#open.lastOpen(text) : none;
    return { isMatch: last.positive > last.negated, childMayMatch: Math.max(this.#lastFloating, lastOpen) > last.negated };
  }

  #lastMatches(path: PathText): LastMatches {
    return this.#addEndings(path, this.#ofDirectory(path.slice(0, path.lastIndexOf('/') + 1)));
  }

  #addEndings(path: PathText, above: LastMatches): LastMatches {
    const positive = this.#positive.lastEnding(path, above.positive);
    const negated = this.#negated.lastEnding(path, above.negated);
    return { positive, negated };
  }

  /** @param directory with the slash at its end; '' above a relative path */
  #ofDirectory(directory: string): LastMatches {
    if (directory === this.#lastDirectory) return this.#lastAbove;
    let above = this.#byDirectory.get(directory);
    if (above === undefined) {
      above = this.#computeDirectory(directory);
      if (this.#byDirectory.size >= keptDirectories) this.#byDirectory.clear();
      this.#byDirectory.set(directory, above);
    }
    this.#lastDirectory = directory;
    this.#lastAbove = above;
    return above;
  }

  #computeDirectory(directory: string): LastMatches {
    const isAbsolute = directory.startsWith('/');
    let matches = isAbsolute ? { positive: this.#positive.rootNumber, negated: this.#negated.rootNumber } : nothing;
    // From the top down and not recursive: a path may have more components than the stack has room.
    for (let slash = directory.indexOf('/', 1); slash > 0; slash = directory.indexOf('/', slash + 1)) {
      matches = this.#addEndings(directory.slice(0, slash) as PathText, matches);
    }
    return matches;
  }
}

function malformedPatterns(patterns: readonly string[]): HoldfastError {
  return new HoldfastError('usage', `malformed pattern${patterns.length > 1 ? 's' : ''}: ${patterns.join(', ')}`, {
    hint: 'Close every "[" with "]", leave no class empty, and write a backslash before a special character that is meant literally.',
  });
}
