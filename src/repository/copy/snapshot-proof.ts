/**
 * Proves that all a snapshot needs has arrived, when something of the source was lost: walks its trees and looks for each blob.
 *
 * A tree that was proved, or found wanting, is remembered: all proofs of a run together read each tree once.
 */
import { asHoldfastError } from '../../base/errors.ts';
import { type BlobId, idFromBytes, idLengthBytes, idToBytes } from '../../base/ids.ts';
import type { QuotedName } from '../../format/go-quote.ts';
import { type ScannedNode, scanTree } from '../../format/tree-scan.ts';
import { type BlobType, dataBlob, type IndexTable, treeBlob } from '../../workers/index-table.ts';
import type { BlobLoader } from '../blobs/blob-loader.ts';
import { displayPath, joinPath, rootPath, type TreePath } from '../tree/tree-path.ts';

export interface ProofOptions {
  readonly source: IndexTable;
  readonly loader: BlobLoader;
  /** Whether the destination has the blob, or will have it. */
  readonly hasArrived: (id: Uint8Array, type: BlobType) => boolean;
  /** Why a blob of the source did not arrive. */
  readonly reasonOf: (id: BlobId) => string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The first thing that a snapshot lacks. */
export interface Shortfall {
  /** For people. */
  readonly path: string;
  readonly reason: string;
}

const complete = 1;
const incomplete = 2;

interface Frame {
  readonly entry: number;
  readonly path: TreePath;
  readonly subtrees: readonly { readonly id: Buffer; readonly name: QuotedName }[];
  next: number;
  isComplete: boolean;
}

export class SnapshotProof {
  readonly #options: ProofOptions;
  readonly #known: Uint8Array;
  #shortfall: Shortfall | undefined;

  constructor(options: ProofOptions) {
    this.#options = options;
    this.#known = new Uint8Array(options.source.entryCount);
  }

  /** Undefined when nothing is missing. @throws HoldfastError `cancelled` */
  async prove(tree: BlobId): Promise<Shortfall | undefined> {
    this.#shortfall = undefined;
    const stack: Frame[] = [];
    await this.#enter(idToBytes(tree), rootPath, stack);
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) await this.#step(frame, stack);
    return this.#shortfall;
  }

  async #step(frame: Frame, stack: Frame[]): Promise<void> {
    const subtree = frame.subtrees[frame.next++];
    if (subtree !== undefined) {
      const isComplete = await this.#enter(subtree.id, joinPath(frame.path, subtree.name), stack);
      if (isComplete === false) frame.isComplete = false;
      return;
    }
    stack.pop();
    this.#known[frame.entry] = frame.isComplete ? complete : incomplete;
    const parent = stack.at(-1);
    if (parent !== undefined && !frame.isComplete) parent.isComplete = false;
  }

  /** @returns undefined when that is found out later: the tree is on the stack now */
  async #enter(id: Buffer, path: TreePath, stack: Frame[]): Promise<boolean | undefined> {
    const entry = this.#options.source.find(id, treeBlob);
    if (entry < 0) return this.#lack(path, missing('tree', idFromBytes(id)));
    if (this.#known[entry] === complete) return true;
    if (this.#known[entry] === incomplete) return this.#lack(path, 'a part of this folder is missing');
    const frame = await this.#open(entry, id, path);
    if (frame !== undefined) {
      stack.push(frame);
      return undefined;
    }
    this.#known[entry] = incomplete;
    return false;
  }

  async #open(entry: number, id: Buffer, path: TreePath): Promise<Frame | undefined> {
    const { loader, signal, hasArrived } = this.#options;
    const tree = idFromBytes<BlobId>(id);
    const frame = { entry, path, subtrees: [] as { id: Buffer; name: QuotedName }[], next: 0, isComplete: true };
    try {
      const plain = await loader.load(treeBlob, tree, { signal });
      if (!hasArrived(id, treeBlob)) frame.isComplete = this.#lack(path, this.#reasonOf('tree', tree));
      scanTree(plain, (node) => {
        if (node.subtree !== undefined) frame.subtrees.push({ id: Buffer.from(node.subtree), name: node.name });
        if (!this.#hasContent(node, path)) frame.isComplete = false;
      });
      return frame;
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code === 'cancelled' || error.code === 'internal') throw error;
      this.#lack(path, `the tree ${tree} cannot be read: ${error.message}`);
      return undefined;
    }
  }

  #hasContent({ content, name }: ScannedNode, folder: TreePath): boolean {
    if (content === null) return true;
    for (let at = 0; at < content.length; at += idLengthBytes) {
      const id = content.subarray(at, at + idLengthBytes);
      if (this.#options.hasArrived(id, dataBlob)) continue;
      return this.#lack(joinPath(folder, name), this.#reasonOf('data', idFromBytes(id)));
    }
    return true;
  }

  #reasonOf(what: string, id: BlobId): string {
    return this.#options.reasonOf(id) ?? missing(what, id);
  }

  /** Notes the first only: one is enough to see that the snapshot is not whole. */
  #lack(path: TreePath, reason: string): false {
    this.#shortfall ??= { path: displayPath(path), reason };
    return false;
  }
}

function missing(what: string, id: BlobId): string {
  return `the ${what} blob ${id} is in no index of the source`;
}
