/** Which of a file's names gets the content, and which become links to it. */
import type { LinkCandidate } from '../workers/restore/messages.ts';
import { fileFlag, fileWord, type RestorePlan } from '../workers/restore/plan/restore-plan.ts';

export class HardLinkGroups {
  /** By identity: the first file met. */
  readonly #firsts = new Map<string, number>();
  /** Pairs: the file that becomes a link, the file it is a link to. */
  readonly #pairs: number[] = [];

  add(plan: RestorePlan, candidates: readonly LinkCandidate[]): void {
    for (const { file, identity } of candidates) {
      const first = this.#firsts.get(identity);
      if (first === undefined) this.#firsts.set(identity, file);
      else {
        plan.files.setBits(file, fileWord.flags, fileFlag.link);
        this.#pairs.push(file, first);
      }
    }
  }

  get pairs(): Uint32Array {
    return Uint32Array.from(this.#pairs);
  }
}
