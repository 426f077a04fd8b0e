/** Reads the trees of directories: makes directories, links and special files, and puts files into the plan. */
import { HoldfastError, toErrorRecord } from '../../base/errors.ts';
import { isPlain, unquoteName } from '../../format/go-quote.ts';
import type { TreeNode } from '../../format/node.ts';
import { decodeTree, findDisorder } from '../../format/tree.ts';
import { childPath, latin1, type PathText } from '../../patterns/path-text.ts';
import { treeBlob } from '../index-table.ts';
import { restoreCounter } from './counters.ts';
import { FilePlanning, linkCandidate } from './file-planning.ts';
import { FolderCreation } from './folder-creation.ts';
import type { FileWriter } from './file-writer.ts';
import type { LinkCandidate, RestoreResponse, TreeJob, UnreadTree } from './messages.ts';
import { metadataOf, storeMetadata } from './metadata.ts';
import { NodeCreation } from './node-creation.ts';
import { directoryPath } from './plan/plan-paths.ts';
import { directoryState, directoryWord, fileWord } from './plan/restore-plan.ts';
import type { Selected } from './selection.ts';
import type { WorkerContext } from './worker-context.ts';

const everything: Selected = { isSelected: true, childMayBe: true };

export class TreeWalk {
  readonly #context: WorkerContext;
  readonly #folders: FolderCreation;
  readonly #nodes: NodeCreation;
  readonly #files: FilePlanning;
  readonly #writer: FileWriter;
  #directories: number[] = [];
  #links: LinkCandidate[] = [];

  constructor(context: WorkerContext, writer: FileWriter) {
    this.#context = context;
    this.#writer = writer;
    this.#folders = new FolderCreation(context);
    this.#nodes = new NodeCreation(context);
    this.#files = new FilePlanning(context);
  }

  walk(trees: readonly TreeJob[]): RestoreResponse {
    const unread: UnreadTree[] = [];
    this.#directories = [];
    this.#links = [];
    for (const tree of trees) {
      const nodes = readTree(this.#context, tree, unread);
      if (nodes !== undefined) this.#visitAll(tree.directory, nodes);
    }
    this.#context.flushItems();
    return { kind: 'walked', directories: this.#directories, links: this.#links, unread };
  }

  #visitAll(directory: number, nodes: readonly TreeNode[]): void {
    // Children need it for patterns only; it is made once, for long paths are costly.
    let known: PathText | undefined;
    const path = (): PathText => (known ??= directoryPath(this.#context.plan, directory));
    const seen = findDisorder(nodes) < 0 ? undefined : new Set<string>();
    for (const node of nodes) {
      this.#context.throwIfStopped();
      if (seen?.has(node.name) === true) this.#context.fail(path(), repeatedName());
      else this.#visit(directory, node, path);
      seen?.add(node.name);
    }
  }

  #visit(directory: number, node: TreeNode, directoryPathOf: () => PathText): void {
    const { plan, selector } = this.#context;
    const name = nameBytes(node);
    const path = (): PathText => childPath(directoryPathOf(), latin1(name, 0, name.length - 1));
    const { isSelected, childMayBe } = selector === undefined ? everything : selector(path());
    try {
      if (node.type === 'dir') {
        if (isSelected || childMayBe) this.#addDirectory(directory, node, plan.heap.add(name), isSelected, childMayBe);
        return;
      }
      if (!isSelected) return;
      const state = this.#folders.ensure(directory);
      if (state === directoryState.failed) return;
      if (node.type === 'file') this.#addFile(directory, state, node, plan.heap.add(name), path);
      else this.#nodes.create(directory, state, node, name, path);
    } catch (error) {
      this.#context.fail(path(), error);
    }
  }

  #addFile(directory: number, state: number, node: TreeNode, place: number, path: () => PathText): void {
    const file = this.#files.add(directory, state, node, place, path);
    if (file === undefined) return;
    const link = linkCandidate(file, node);
    if (link !== undefined) this.#links.push(link);
    // What exists already is compared first, and what has several names waits until it is known which one comes first.
    else if (this.#context.plan.files.load(file, fileWord.flags) === 0) this.#writer.startNew(file);
  }

  #addDirectory(parent: number, node: TreeNode, place: number, isSelected: boolean, childMayBe: boolean): void {
    const { plan, index, metadataRules } = this.#context;
    const metadata = metadataOf(node, metadataRules);
    if (node.subtree === undefined) throw new HoldfastError('damaged', 'the directory has no tree in the snapshot');
    const { directories } = plan;
    const directory = directories.allocate(1);
    storeMetadata(metadata, directories, directory, plan.heap);
    directories.set(directory, directoryWord.parent, parent);
    directories.set(directory, directoryWord.name, place);
    directories.set(directory, directoryWord.tree, index.find(Buffer.from(node.subtree, 'hex'), treeBlob) + 1);
    directories.set(directory, directoryWord.depth, directories.get(parent, directoryWord.depth) + 1);
    if (isSelected) {
      this.#context.count(restoreCounter.total, 1);
      if (this.#folders.ensure(directory) === directoryState.failed) return;
    }
    if (directories.get(directory, directoryWord.tree) === 0) throw missingTree(node.subtree);
    if (childMayBe) this.#directories.push(directory);
  }
}

/** The nodes of a tree; undefined when it cannot be read, which is noted in `unread`. */
export function readTree(context: WorkerContext, { directory, entry, sealed }: TreeJob, unread: UnreadTree[]): TreeNode[] | undefined {
  const { index, decoder, reader } = context;
  try {
    if (sealed === undefined && reader === undefined) throw new HoldfastError('internal', 'a tree was to be read without its bytes');
    const plain =
      sealed === undefined ? reader?.read(entry) : decoder.decode(new Uint8Array(sealed), index.plainLengthOf(entry), index.idHex(entry));
    return decodeTree(plain ?? new Uint8Array());
  } catch (error) {
    unread.push({ directory, entry, error: toErrorRecord(error) });
    return undefined;
  }
}

/** With NUL at its end. */
function nameBytes(node: TreeNode): Buffer {
  return isPlain(node.name) ? Buffer.from(`${node.name}\0`, 'latin1') : Buffer.concat([unquoteName(node.name), Buffer.of(0)]);
}

function repeatedName(): HoldfastError {
  return new HoldfastError('damaged', 'the directory lists a name twice in the snapshot; only the first was restored');
}

function missingTree(id: string): HoldfastError {
  return new HoldfastError('damaged', `tree ${id} of the directory is in no index of the repository: nothing below it was restored`, {
    hint: 'Run a check to see what is lost.',
    context: { tree: id },
  });
}
