/** Keeps what a walk finds until it is over, because only then the paths of trees can be found. */
import type { CheckMemory } from '../../workers/check/check-memory.ts';
import type { CheckProblem } from '../../workers/check/problem.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import type { TreeSource } from '../tree/tree-source.ts';
import { ProblemPaths } from './problem-paths.ts';
import type { ProblemList } from './report.ts';
import type { TreeWalk } from './tree-walk.ts';

/** Beyond this a repository has lost most of what it had: the rest is counted by its most frequent kind only. */
const maxKept = 20_000;

export interface WalkedTrees {
  readonly index: IndexTable;
  readonly memory: CheckMemory;
  readonly walk: TreeWalk;
  readonly trees: TreeSource;
}

export class TreeProblems {
  readonly #kept: CheckProblem[] = [];
  #leftOut = 0;

  add(problems: readonly CheckProblem[]): void {
    for (const problem of problems) {
      if (this.#kept.length < maxKept) this.#kept.push(problem);
      else this.#leftOut++;
    }
  }

  async report(list: ProblemList, { index, memory, walk, trees }: WalkedTrees): Promise<void> {
    const paths = new ProblemPaths(index, memory, walk, trees);
    for (const problem of this.#kept) list.add(await paths.locate(problem));
    if (this.#leftOut === 0) return;
    const message = `${this.#leftOut} more problems of trees are not listed`;
    list.add({ severity: 'error', kind: 'tree', message, context: { problemCount: this.#leftOut } });
  }
}
