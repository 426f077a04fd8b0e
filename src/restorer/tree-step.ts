/** Walks the trees of a snapshot with all workers; later the same for what is to be deleted. */
import { type ErrorRecord, HoldfastError, toErrorRecord } from '../base/errors.ts';
import { type BlobId, idToBytes } from '../base/ids.ts';
import { treeBlob } from '../workers/index-table.ts';
import type { LinkCandidate, RestoreResponse, TreeJob, UnreadTree } from '../workers/restore/messages.ts';
import { directoryPath, readablePath } from '../workers/restore/plan/plan-paths.ts';
import { directoryState, directoryWord, rootDirectory } from '../workers/restore/plan/restore-plan.ts';
import { inGroups } from './in-flight.ts';
import type { RestoreCrew } from './restore-crew.ts';

/** Trees in one request: enough that messages cost little, few enough that all workers have some early. */
const maxTreesPerRequest = 16;

type Walked = Extract<RestoreResponse, { readonly kind: 'walked' }>;

export class TreeStep {
  readonly #crew: RestoreCrew;
  #hasLostTrees = false;

  constructor(crew: RestoreCrew) {
    this.#crew = crew;
  }

  /** Puts everything below a tree into the plan and makes the directories. The tree's own directory is the target. */
  async walk(root: BlobId, onLinks: (candidates: readonly LinkCandidate[]) => void): Promise<void> {
    this.#addRoot(root);
    // Last in, first out: that goes down before it goes wide, and the list stays short.
    const waiting = [rootDirectory];
    await this.#crew.drain(waiting, maxTreesPerRequest, async (directories) => {
      await this.#read('walk', directories, (answer) => {
        waiting.push(...answer.directories);
        onLinks(answer.links);
      });
    });
  }

  /** Only in directories that existed before and that something was restored in; when a tree was lost, nothing at all. */
  async removeUnexpected(): Promise<void> {
    if (this.#hasLostTrees) {
      this.#crew.warn('nothing was deleted from the target, because parts of the snapshot could not be read');
      return;
    }
    const groups = inGroups(this.#existingDirectories(), maxTreesPerRequest);
    await this.#crew.forEach(groups, async (directories) => await this.#read('remove', directories, () => {}));
  }

  #addRoot(root: BlobId): void {
    const { plan, index, targetFd } = this.#crew;
    const directory = plan.directories.allocate(1);
    const entry = index.find(idToBytes(root), treeBlob);
    if (entry < 0)
      throw new HoldfastError('damaged', `tree ${root} is in no index of the repository`, { hint: 'Run a check to see what is lost.' });
    plan.directories.set(directory, directoryWord.state, targetFd < 0 ? directoryState.fresh : directoryState.existing);
    plan.directories.set(directory, directoryWord.tree, entry + 1);
  }

  *#existingDirectories(): Generator<number> {
    const { directories } = this.#crew.plan;
    for (let directory = rootDirectory; directory < directories.count; directory++) {
      if (directories.load(directory, directoryWord.state) === directoryState.existing) yield directory;
    }
  }

  async #read(kind: 'walk' | 'remove', directories: readonly number[], onAnswer: (answer: Walked) => void): Promise<void> {
    const unread: UnreadTree[] = [];
    const jobs = await Promise.all(
      directories.map((directory) => {
        const entry = this.#crew.plan.directories.get(directory, directoryWord.tree) - 1;
        return this.#load(directory, entry, unread);
      }),
    );
    const trees: TreeJob[] = jobs.filter((job) => job !== undefined);
    const answer = await this.#crew.ask('walked', { kind, trees });
    onAnswer(answer);
    for (const lost of [...unread, ...answer.unread]) await this.#readOtherCopy(kind, lost, onAnswer);
  }

  async #load(directory: number, entry: number, unread: UnreadTree[]): Promise<TreeJob | undefined> {
    try {
      return { directory, entry, sealed: await this.#crew.source.loadEntry(entry) };
    } catch (error) {
      unread.push({ directory, entry, error: toErrorRecord(error) });
      return undefined;
    }
  }

  async #readOtherCopy(kind: 'walk' | 'remove', lost: UnreadTree, onAnswer: (answer: Walked) => void): Promise<void> {
    for (const entry of this.#crew.source.otherCopies(lost.entry)) {
      const job = await this.#load(lost.directory, entry, []);
      const answer = job === undefined ? undefined : await this.#crew.ask('walked', { kind, trees: [job] });
      if (answer === undefined || answer.unread.length > 0) continue;
      onAnswer(answer);
      return;
    }
    this.#noteLost(lost.directory, lost.error);
  }

  #noteLost(directory: number, error: ErrorRecord): void {
    if (error.code === 'cancelled') throw new HoldfastError('cancelled', error.message);
    this.#hasLostTrees = true;
    const path = readablePath(directoryPath(this.#crew.plan, directory));
    this.#crew.fail(path, { ...error, message: `nothing below it was restored, because its tree cannot be read: ${error.message}` });
  }
}
