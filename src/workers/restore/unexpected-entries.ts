/** Removes what a directory of the target has and the snapshot does not: restore's option --delete. */
import { isPlain, unquoteName } from '../../format/go-quote.ts';
import type { TreeNode } from '../../format/node.ts';
import { childPath, latin1, type PathText } from '../../patterns/path-text.ts';
import { O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../../posix/constants.ts';
import { listEntries } from '../../posix/directory-entries.ts';
import { cName } from '../../posix/names.ts';
import { checkedCall } from './call-error.ts';
import { restoreCounter } from './counters.ts';
import type { RestoreResponse, TreeJob, UnreadTree } from './messages.ts';
import { directoryPath } from './plan/plan-paths.ts';
import { readTree } from './tree-walk.ts';
import { TreeRemoval } from './tree-removal.ts';
import type { WorkerContext } from './worker-context.ts';

const listFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
const thisDirectory = cName('.');

export class UnexpectedEntries {
  readonly #context: WorkerContext;
  readonly #removal: TreeRemoval;

  constructor(context: WorkerContext) {
    this.#context = context;
    this.#removal = new TreeRemoval(context.libc, context.rules.isDryRun);
  }

  remove(trees: readonly TreeJob[]): RestoreResponse {
    const unread: UnreadTree[] = [];
    for (const tree of trees) {
      const nodes = readTree(this.#context, tree, unread);
      if (nodes !== undefined) this.#removeFrom(tree.directory, nodes);
    }
    this.#context.flushItems();
    return { kind: 'walked', directories: [], links: [], unread };
  }

  #removeFrom(directory: number, nodes: readonly TreeNode[]): void {
    const path = directoryPath(this.#context.plan, directory);
    try {
      const { libc, folders } = this.#context;
      const dirFd = checkedCall('open', folders.open(directory));
      const fd = checkedCall('open', libc.openAt(dirFd, thisDirectory, listFlags, 0));
      try {
        this.#removeUnexpected(fd, path, new Set(nodes.map(nameText)));
      } finally {
        libc.close(fd);
      }
    } catch (error) {
      this.#context.fail(path, error);
    }
  }

  #removeUnexpected(fd: number, directory: PathText, expected: ReadonlySet<string>): void {
    const { libc, selector } = this.#context;
    for (const entry of listEntries(libc, fd)) {
      this.#context.throwIfStopped();
      const name = latin1(entry.name, 0, entry.name.length);
      const path = childPath(directory, name);
      if (expected.has(name) || selector?.(path).isSelected === false) continue;
      try {
        const isDirectory = this.#removal.isDirectory(fd, entry);
        this.#removal.remove(fd, entry.name, isDirectory, (names) => this.#noteRemoved(directory, names));
      } catch (error) {
        this.#context.fail(path, error);
      }
    }
  }

  #noteRemoved(directory: PathText, names: readonly Uint8Array[]): void {
    this.#context.count(restoreCounter.deleted, 1);
    const path = (): PathText => names.reduce<PathText>((above, name) => childPath(above, latin1(name, 0, name.length)), directory);
    this.#context.tellItem('deleted', path, 0);
  }
}

function nameText(node: TreeNode): string {
  return isPlain(node.name) ? node.name : unquoteName(node.name).toString('latin1');
}
