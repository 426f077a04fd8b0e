/** Which entries of a snapshot are restored: restic's --include and --exclude (cmd/restic/cmd_restore.go) over paths inside the snapshot. */
import { compilePatterns, type PatternList } from '../../patterns/pattern-list.ts';
import type { PathText } from '../../patterns/path-text.ts';

/** Plain data: it crosses threads, and each compiles it for itself. Excludes and includes exclude each other. */
export interface RestoreSelection {
  readonly excludes?: readonly string[];
  /** The same without regard to case. */
  readonly iexcludes?: readonly string[];
  readonly includes?: readonly string[];
  readonly iincludes?: readonly string[];
}

export interface Selected {
  readonly isSelected: boolean;
  /** Whether something below may be selected. For directories only. */
  readonly childMayBe: boolean;
}

export type Selector = (path: PathText) => Selected;

/** @returns undefined when everything is selected. @throws HoldfastError `usage` for a malformed pattern */
export function compileRestoreSelection(selection: RestoreSelection): Selector | undefined {
  const excludes = compileBoth(selection.excludes, selection.iexcludes);
  const includes = compileBoth(selection.includes, selection.iincludes);
  if (includes.length > 0) return (path) => selectIncluded(includes, path);
  if (excludes.length > 0) return (path) => selectUnlessExcluded(excludes, path);
  return undefined;
}

function compileBoth(exact: readonly string[] = [], caseless: readonly string[] = []): PatternList[] {
  const lists = [compilePatterns(exact), compilePatterns(caseless, { ignoreCase: true })];
  return lists.filter((list) => !list.isEmpty);
}

const everything: Selected = { isSelected: true, childMayBe: true };
const nothing: Selected = { isSelected: false, childMayBe: false };

/** What is below an excluded directory is excluded with it. */
function selectUnlessExcluded(lists: readonly PatternList[], path: PathText): Selected {
  return lists.some((list) => list.isMatch(path)) ? nothing : everything;
}

function selectIncluded(lists: readonly PatternList[], path: PathText): Selected {
  const matches = lists.map((list) => list.match(path));
  return { isSelected: matches.some((match) => match.isMatch), childMayBe: matches.some((match) => match.childMayMatch) };
}
