/** Finds what trees use: everything that a node names, whatever kind of node it is, for a blob that is kept in vain costs only room. */
import { HoldfastError } from '../../base/errors.ts';
import { idFromBytes, idLengthBytes } from '../../base/ids.ts';
import { scanTree } from '../../format/tree-scan.ts';
import { SharedBits } from '../check/check-memory.ts';
import { dataBlob, type IndexTable, treeBlob } from '../index-table.ts';
import type { MissingBlob, UsageMemory } from './messages.ts';

/** So many name what is wrong; a repository that lost an index has millions. */
const maxListed = 20;

export class UsedTrees {
  /** The first that were found, and how many there are. */
  missing: MissingBlob[] = [];
  missingCount = 0;
  readonly #index: IndexTable;
  readonly #used: SharedBits;
  readonly #claimed: SharedBits;

  constructor(index: IndexTable, memory: UsageMemory) {
    this.#index = index;
    this.#used = new SharedBits(memory.usedBits);
    this.#claimed = new SharedBits(memory.claimedBits);
  }

  /** Marks a tree as used. @returns whether the caller has to have it read: nobody else has been told so */
  claim(entry: number): boolean {
    this.#used.add(entry);
    return this.#claimed.add(entry);
  }

  /**
   * Marks what the tree uses.
   * @param plain the content of the tree
   * @param subtrees gets the entries of trees that the caller has to have read
   * @throws HoldfastError `damaged` when the tree makes no sense
   */
  scan(tree: string, plain: Uint8Array, subtrees: number[]): void {
    scanTree(plain, ({ content, subtree }) => {
      if (content !== null) this.#useContent(tree, content);
      if (subtree !== undefined) this.#useTree(tree, subtree, subtrees);
    });
  }

  #useContent(tree: string, content: Uint8Array): void {
    for (let at = 0; at < content.length; at += idLengthBytes) {
      const id = content.subarray(at, at + idLengthBytes);
      const entry = this.#index.find(id, dataBlob);
      if (entry < 0) this.#miss('data', id, tree);
      else this.#used.add(entry);
    }
  }

  #useTree(tree: string, id: Uint8Array, subtrees: number[]): void {
    const entry = this.#index.find(id, treeBlob);
    if (entry < 0) this.#miss('tree', id, tree);
    else if (this.claim(entry)) subtrees.push(entry);
  }

  #miss(type: MissingBlob['type'], id: Uint8Array, tree: string): void {
    this.missingCount++;
    if (this.missing.length < maxListed) this.missing.push({ type, blob: idFromBytes(id), tree });
  }
}

/** Ends a prune: whatever that tree uses would be taken for unused. */
export function unreadableTree(tree: string, problem: HoldfastError): HoldfastError {
  return new HoldfastError(problem.code, `tree ${tree} cannot be read, so what it uses is not known: ${problem.message}`, {
    hint: 'Nothing was removed. Run `holdfast check` to see which snapshots and files are affected, and repair them first.',
    context: { ...problem.context, tree },
    cause: problem,
  });
}
