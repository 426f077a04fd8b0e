/** Walks the trees of a snapshot with all workers; later the same for what is to be deleted. */
import { HoldfastError, toErrorRecord } from '../base/errors.ts';
import { type BlobId, idToBytes } from '../base/ids.ts';
import { treeBlob } from '../workers/index-table.ts';
import type { LinkCandidate, TreeJob, UnreadTree } from '../workers/restore/messages.ts';
import { directoryPath, readablePath } from '../workers/restore/plan/plan-paths.ts';
import { directoryState, directoryWord, rootDirectory } from '../workers/restore/plan/restore-plan.ts';
import { forEachInFlight, inGroups } from './in-flight.ts';
import type { RestoreCrew } from './restore-crew.ts';

/** Trees in one request: enough that messages cost little, few enough that all workers have some early. */
const maxTreesPerRequest = 16;

export class TreeStep {
  readonly #crew: RestoreCrew;
  #hasLostTrees = false;

  constructor(crew: RestoreCrew) {
    this.#crew = crew;
  }

  /** Puts everything below a tree into the plan and makes the directories. The tree's own directory is the target. */
  async walk(root: BlobId, onLinks: (candidates: readonly LinkCandidate[]) => void): Promise<void> {
    this.#addRoot(root);
    const { crew } = { crew: this.#crew };
    // Last in, first out: this goes down before it goes wide, and the list stays short.
    const waiting = [rootDirectory];
    let running = 0;
    const wake = new Wakeup();
    const next = function* (): Generator<number[]> {
      for (;;) {
        const size = Math.min(maxTreesPerRequest, Math.ceil(waiting.length / crew.workerCount));
        yield waiting.splice(-Math.max(1, size));
      }
    };
    void next;
    void running;
    void wake;
    void onLinks;
  }
}
