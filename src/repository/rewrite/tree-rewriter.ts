/**
 * Makes trees anew without some of their nodes, or with other nodes in their places.
 *
 * A node that stays keeps the bytes of its JSON, whatever keys a later writer may have put into it, and a tree in which all nodes stay
 * keeps its id: so the ids are those that restic's rewriting gives, and nothing is stored that is there already.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { type BlobId, idFromBytes } from '../../base/ids.ts';
import { readDocument } from '../../format/json-document.ts';
import { encodeNode } from '../../format/node-encoder.ts';
import type { TreeNode } from '../../format/node.ts';
import { decodeNode } from '../../format/tree.ts';
import { scanTree } from '../../format/tree-scan.ts';
import { joinPath, rootPath, type TreePath } from '../tree/tree-path.ts';
import { encodePieces } from './tree-pieces.ts';
import type { NodeSpan, RewriteMemo, RewrittenTree, TreeEdit, TreePiece, TreeSaver } from './tree-edit.ts';

export interface TreeRewriterOptions {
  readonly loadTree: (id: BlobId) => Promise<Uint8Array>;
  readonly saver: TreeSaver;
  readonly edit: TreeEdit;
  readonly memo: RewriteMemo;
  /** Called for each tree that was read. */
  readonly onTree?: ((jsonBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a scan of one tree found, before the directories in it are entered. */
interface Draft {
  readonly pieces: TreePiece[];
  readonly folders: Folder[];
  isChanged: boolean;
  fileCount: number;
  fileBytes: bigint;
}

interface Folder {
  /** Its place among the pieces. */
  readonly at: number;
  readonly span: NodeSpan;
  readonly path: TreePath;
  readonly subtree: BlobId | undefined;
}

/** The storage has the bytes no more; whatever else fails may succeed another time, and nothing is given up for it. */
const lostCodes: ReadonlySet<string> = new Set(['damaged', 'not-found', 'storage-missing']);

export class TreeRewriter {
  readonly #options: TreeRewriterOptions;

  constructor(options: TreeRewriterOptions) {
    this.#options = options;
  }

  /** @throws HoldfastError of the edit, the storage, or `damaged` where the edit takes no lost trees */
  async rewrite(tree: BlobId | undefined, path: TreePath = rootPath): Promise<RewrittenTree> {
    const { memo, signal } = this.#options;
    throwIfCancelled(signal);
    if (tree === undefined) return this.#replaceLost(tree, path, new HoldfastError('damaged', 'the directory has no tree'));
    const known = memo.get(tree, path);
    if (known !== undefined) return known;
    const read = await this.#read(tree, path);
    if (read instanceof HoldfastError) return this.#replaceLost(tree, path, read);
    const result = await this.#finish(tree, path, read);
    memo.set(tree, path, result);
    return result;
  }

  async #read(tree: BlobId, path: TreePath): Promise<{ plain: Uint8Array; draft: Draft } | HoldfastError> {
    try {
      const plain = await this.#options.loadTree(tree);
      this.#options.onTree?.(plain.length);
      return { plain, draft: this.#draft(plain, path) };
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (!lostCodes.has(error.code)) throw error;
      return error;
    }
  }

  #draft(plain: Uint8Array, path: TreePath): Draft {
    const { edit } = this.#options;
    const draft: Draft = { pieces: [], folders: [], isChanged: false, fileCount: 0, fileBytes: 0n };
    // What is told of bad nodes is told only when the scan came to its end: a tree that is no JSON is lost as a whole.
    const badNodes: HoldfastError[] = [];
    const onBadNode = edit.onBadNode === undefined ? undefined : (error: HoldfastError) => void badNodes.push(error);
    scanTree(plain, (node, start, end) => this.#place(draft, plain, node, { start, end }, joinPath(path, node.name)), onBadNode);
    for (const error of badNodes) edit.onBadNode?.(path, error);
    draft.isChanged ||= badNodes.length > 0;
    return draft;
  }

  #place(draft: Draft, plain: Uint8Array, node: Parameters<TreeEdit['editNode']>[0], span: NodeSpan, path: TreePath): void {
    const verdict = this.#options.edit.editNode(node, path);
    if (verdict === 'remove') {
      draft.isChanged = true;
      return;
    }
    if (node.type === 'dir') {
      const subtree = node.subtree === undefined ? undefined : idFromBytes<BlobId>(node.subtree);
      draft.folders.push({ at: draft.pieces.length, span, path, subtree });
    }
    if (verdict === 'keep') this.#count(draft, node.type, node.sizeBytes);
    else draft.isChanged = true;
    draft.pieces.push(verdict === 'keep' ? span : this.#edited(draft, plain, span, verdict));
  }

  #edited(draft: Draft, plain: Uint8Array, span: NodeSpan, edit: (node: TreeNode) => TreeNode): Buffer {
    const node = edit(nodeAt(plain, span));
    this.#count(draft, node.type, node.size ?? 0);
    return Buffer.from(encodeNode(node));
  }

  #count(draft: Draft, type: string, sizeBytes: number | bigint): void {
    if (type !== 'file') return;
    draft.fileCount++;
    draft.fileBytes += BigInt(sizeBytes);
  }

  async #finish(tree: BlobId, path: TreePath, { plain, draft }: { plain: Uint8Array; draft: Draft }): Promise<RewrittenTree> {
    const { saver, edit } = this.#options;
    const removed = new Set<number>();
    for (const folder of draft.folders) {
      const result = await this.rewrite(folder.subtree, folder.path);
      draft.fileCount += result.fileCount;
      draft.fileBytes += result.fileBytes;
      if (result.tree === folder.subtree && result.tree !== undefined) continue;
      draft.isChanged = true;
      if (result.tree === undefined) removed.add(folder.at);
      else draft.pieces[folder.at] = withSubtree(plain, folder.span, folder.subtree, result.tree);
    }
    const pieces = removed.size === 0 ? draft.pieces : draft.pieces.filter((_piece, at) => !removed.has(at));
    const { fileCount, fileBytes } = draft;
    if (pieces.length === 0 && edit.keepsEmpty?.(path) === false) return { tree: undefined, fileCount, fileBytes };
    return { tree: draft.isChanged ? saver.saveTree(encodePieces(plain, pieces)) : tree, fileCount, fileBytes };
  }

  #replaceLost(tree: BlobId | undefined, path: TreePath, error: HoldfastError): RewrittenTree {
    const { edit, saver } = this.#options;
    if (edit.onLostTree === undefined) throw error;
    const isRemoved = edit.onLostTree(tree, path, error) === 'remove';
    return { tree: isRemoved ? undefined : saver.saveTree(encodePieces(new Uint8Array(), [])), fileCount: 0, fileBytes: 0n };
  }
}

function nodeAt(plain: Uint8Array, { start, end }: NodeSpan): TreeNode {
  return readDocument(plain.subarray(start, end), 'a node', decodeNode);
}

const idKey = '"subtree":"';

/** The node's text with another id in the same place; a node that is written in another way is encoded anew. */
function withSubtree(plain: Uint8Array, span: NodeSpan, before: BlobId | undefined, after: BlobId): Buffer {
  const text = Buffer.from(plain.subarray(span.start, span.end));
  const at = before === undefined ? -1 : text.lastIndexOf(`${idKey}${before}"`);
  if (at < 0) return Buffer.from(encodeNode({ ...nodeAt(plain, span), subtree: after }));
  text.write(after, at + idKey.length);
  return text;
}
