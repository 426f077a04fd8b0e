/** Looks at one tree: its nodes, the blobs that it uses, the trees below it. */
import { type BlobId, idFromBytes, idLengthBytes } from '../../base/ids.ts';
import { compareNames, displayName, type QuotedName } from '../../format/go-quote.ts';
import { type ScannedNode, scanTree } from '../../format/tree-scan.ts';
import { sealOverhead } from '../../crypto/sealer.ts';
import { dataBlob, type IndexTable, treeBlob } from '../index-table.ts';
import { type CheckMemory, SharedBits } from './check-memory.ts';
import { type CheckProblem, type ProblemKind, reasonOf, type Severity } from './problem.ts';

/** A tree whose nodes are all wrong is told of by so many. */
const maxProblemsOfTree = 1000;

/** Problems have `tree` and, where it is about a node, `name` in their context. */
export class TreeCheck {
  readonly #index: IndexTable;
  readonly #used: SharedBits;
  readonly #claimed: SharedBits;
  readonly #parents: Uint32Array;
  #problems: CheckProblem[] = [];
  #subtrees: number[] = [];
  #tree = '';
  #entry = 0;

  constructor(index: IndexTable, memory: CheckMemory) {
    this.#index = index;
    this.#used = new SharedBits(memory.usedBits);
    this.#claimed = new SharedBits(memory.claimedBits);
    this.#parents = new Uint32Array(memory.parents);
  }

  /** Marks a tree as used. @returns whether the caller has to check it: nobody else has been told so */
  claim(entry: number): boolean {
    this.#used.add(entry);
    return this.#claimed.add(entry);
  }

  /** @param plain content of the tree. @returns entries of trees below it that the caller has to see checked */
  check(entry: number, plain: Uint8Array, problems: CheckProblem[]): readonly number[] {
    this.#entry = entry;
    this.#tree = this.#index.idHex(entry);
    this.#subtrees = [];
    this.#problems = [];
    try {
      this.#checkNodes(plain);
    } catch (error) {
      this.#add('error', 'tree', `tree ${this.#tree} is damaged: ${reasonOf(error)}`);
    }
    for (const problem of this.#problems) problems.push(problem);
    return this.#subtrees;
  }

  #checkNodes(plain: Uint8Array): void {
    let previous: QuotedName | undefined;
    scanTree(plain, (node) => {
      const order = previous === undefined ? -1 : compareNames(previous, node.name);
      if (order === 0) this.#addNode('error', node, 'is in the tree twice');
      if (order > 0) this.#addNode('warning', node, 'is not where the order of names has it');
      previous = node.name;
      this.#checkNode(node);
    });
  }

  #checkNode(node: ScannedNode): void {
    if (node.type === 'file') this.#checkFile(node);
    else if (node.type === 'dir') this.#checkDirectory(node);
    else if (node.type === '' || node.type === 'irregular') this.#addNode('error', node, `has the invalid type '${node.type}'`);
    if (node.type !== 'file' && (node.content?.length ?? 0) > 0) this.#addNode('error', node, `is a ${node.type} that has content`);
    if (node.type !== 'dir' && node.subtree !== undefined) this.#addNode('error', node, `is a ${node.type} that has a tree`);
  }

  #checkFile(node: ScannedNode): void {
    if (node.content === null) return this.#addNode('error', node, 'is a file without a list of content');
    const missing: BlobId[] = [];
    let sizeBytes = 0;
    for (let at = 0; at < node.content.length; at += idLengthBytes) {
      const id = node.content.subarray(at, at + idLengthBytes);
      const entry = this.#index.find(id, dataBlob);
      if (entry < 0) missing.push(idFromBytes(id));
      else {
        this.#used.add(entry);
        sizeBytes += this.#plainLength(entry);
      }
    }
    if (missing.length > 0) this.#addMissing(node, missing, node.content.length / idLengthBytes);
    // restic wrote such nodes for files that changed while they were read (its issue 1887): worth a look, but nothing is lost.
    else if (BigInt(sizeBytes) !== BigInt(node.sizeBytes)) {
      this.#addNode('warning', node, `has ${sizeBytes} bytes of content where its size is ${node.sizeBytes}`);
    }
  }

  #checkDirectory(node: ScannedNode): void {
    if (node.subtree === undefined) return this.#addNode('error', node, 'is a directory without a tree');
    const entry = this.#index.find(node.subtree, treeBlob);
    if (entry < 0) return this.#addMissingTree(node, idFromBytes(node.subtree));
    if (!this.claim(entry)) return;
    this.#parents[entry] = this.#entry + 1;
    this.#subtrees.push(entry);
  }

  #addMissingTree(node: ScannedNode, subtree: BlobId): void {
    this.#addNode('error', node, `has the tree ${subtree}, which is in no index`, { blob: subtree });
  }

  #plainLength(entry: number): number {
    return this.#index.plainLengthOf(entry) || this.#index.lengthOf(entry) - sealOverhead;
  }

  #addMissing(node: ScannedNode, missing: readonly BlobId[], count: number): void {
    const more = missing.length > 1 ? ` (and ${missing.length - 1} more of its ${count} blobs)` : '';
    const context = { blob: missing[0] ?? '', missingBlobs: missing.length };
    this.#addNode('error', node, `needs blob ${missing[0]}${more}, which is in no index`, context);
  }

  #addNode(severity: Severity, node: ScannedNode, problem: string, context: CheckProblem['context'] = {}): void {
    const name = displayName(node.name);
    this.#add(severity, 'node', `'${name}' in tree ${this.#tree} ${problem}`, { name, ...context });
  }

  #add(severity: Severity, kind: ProblemKind, message: string, context: CheckProblem['context'] = {}): void {
    if (this.#problems.length > maxProblemsOfTree) return;
    const isLast = this.#problems.length === maxProblemsOfTree;
    const text = isLast ? `tree ${this.#tree} has more problems than are listed` : message;
    this.#problems.push({
      severity: isLast ? 'error' : severity,
      kind,
      message: text,
      context: { tree: this.#tree, ...(isLast ? {} : context) },
    });
  }
}
