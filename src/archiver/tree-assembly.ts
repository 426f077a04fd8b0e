/**
 * Puts directories together whose entries were saved by several workers.
 *
 * A directory with holes waits here until each hole is filled; then its tree is stored and its own node fills the hole
 * that it is in its parent. Answers may come before the directory that waits for them: both orders are kept.
 */
import type { ArchiveNotice, HoleToken } from '../workers/archive/messages.ts';

export type PendingDirectory = Extract<ArchiveNotice, { kind: 'pending' }>;
/** JSON text of nodes, undefined where nothing was saved. */
export type HoleText = string | undefined;

export interface TreeAssemblyOptions {
  /** Stores a tree of these nodes. @returns its id */
  readonly saveTree: (nodes: readonly string[]) => Promise<string>;
  readonly onDirectory: (directory: PendingDirectory, treeId: string) => void;
  readonly onError: (error: unknown) => void;
}

interface Waiting {
  readonly directory: PendingDirectory;
  readonly parts: (string | HoleToken | undefined)[];
  missing: number;
}

type Hole = { readonly kind: 'filled'; readonly text: HoleText } | { readonly kind: 'awaited'; readonly fill: (text: HoleText) => void };

export class TreeAssembly {
  readonly #options: TreeAssemblyOptions;
  readonly #holes = new Map<HoleToken, Hole>();

  constructor(options: TreeAssemblyOptions) {
    this.#options = options;
  }

  /** Takes in a directory whose holes are filled later. */
  add(directory: PendingDirectory): void {
    const waiting: Waiting = { directory, parts: [...directory.parts], missing: 1 };
    directory.parts.forEach((part, index) => {
      if (typeof part !== 'number') return;
      waiting.missing++;
      this.#whenFilled(part, (text) => {
        waiting.parts[index] = text;
        this.#lessMissing(waiting);
      });
    });
    this.#lessMissing(waiting);
  }

  fill(token: HoleToken, text: HoleText): void {
    const hole = this.#holes.get(token);
    if (hole?.kind !== 'awaited') {
      this.#holes.set(token, { kind: 'filled', text });
      return;
    }
    this.#holes.delete(token);
    hole.fill(text);
  }

  /** The text of a part as a worker answered it, now or later. */
  textOf(part: string | HoleToken | undefined): Promise<HoleText> {
    if (typeof part !== 'number') return Promise.resolve(part);
    return new Promise((resolve) => this.#whenFilled(part, resolve));
  }

  #whenFilled(token: HoleToken, fill: (text: HoleText) => void): void {
    const hole = this.#holes.get(token);
    if (hole?.kind !== 'filled') {
      this.#holes.set(token, { kind: 'awaited', fill });
      return;
    }
    this.#holes.delete(token);
    fill(hole.text);
  }

  #lessMissing(waiting: Waiting): void {
    waiting.missing--;
    if (waiting.missing === 0) this.#complete(waiting).catch(this.#options.onError);
  }

  async #complete({ directory, parts }: Waiting): Promise<void> {
    const nodes = parts.filter((part) => typeof part === 'string' && part !== '') as string[];
    if (directory.head === '') {
      this.fill(directory.token, nodes.join(','));
      return;
    }
    const id = await this.#options.saveTree(nodes);
    this.#options.onDirectory(directory, id);
    this.fill(directory.token, `${directory.head}${id}"}`);
  }
}
