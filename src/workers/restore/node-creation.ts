/** Restores what is neither file nor directory: links, devices, named pipes, sockets. */
import { HoldfastError } from '../../base/errors.ts';
import type { NodeType, TreeNode } from '../../format/node.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT, S_IFSOCK } from '../../posix/constants.ts';
import { AT_EMPTY_PATH } from '../../posix/constants.ts';
import { cName, emptyName } from '../../posix/names.ts';
import type { PathText } from '../../patterns/path-text.ts';
import { checkedCall } from './call-error.ts';
import { givesWay, removeExisting, statExisting } from './existing-entries.ts';
import { type Metadata, metadataOf } from './metadata.ts';
import { directoryState } from './plan/restore-plan.ts';
import { restoreCounter } from './counters.ts';
import type { WorkerContext } from './worker-context.ts';

const unixTypes: Readonly<Partial<Record<NodeType, number>>> = { dev: S_IFBLK, chardev: S_IFCHR, fifo: S_IFIFO, socket: S_IFSOCK };
const modeMeanwhile = 0o600;

export class NodeCreation {
  readonly #context: WorkerContext;

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  /** @param state of the directory. @throws HoldfastError when the entry cannot be restored */
  create(directory: number, state: number, node: TreeNode, name: Uint8Array, path: () => PathText): void {
    const { rules, folders, metadataRules } = this.#context;
    this.#context.count(restoreCounter.total, 1);
    const metadata = metadataOf(node, metadataRules);
    if (state === directoryState.existing && !this.#clearPlace(directory, name, metadata)) {
      this.#context.countSkipped(path, 0);
      return;
    }
    if (!rules.isDryRun) this.#make(checkedCall('open', folders.open(directory)), name, node, metadata);
    this.#context.countRestored('restored', path, 0);
  }

  /** @returns false when what is there stays */
  #clearPlace(directory: number, name: Uint8Array, metadata: Metadata): boolean {
    const { libc, rules, folders, stat } = this.#context;
    const dirFd = checkedCall('open', folders.open(directory));
    if (!statExisting(libc, dirFd, name, stat)) return true;
    if (!givesWay(rules.overwrite, metadata, stat)) return false;
    if (!rules.isDryRun) removeExisting(libc, dirFd, name, rules.removesUnexpected);
    return true;
  }

  #make(dirFd: number, name: Uint8Array, node: TreeNode, metadata: Metadata): void {
    const { libc, setter } = this.#context;
    if (node.type === 'symlink') {
      checkedCall('symlink', libc.symlinkAt(cName(node.linkTargetRaw ?? node.linkTarget ?? ''), dirFd, name));
      setter.setOnLink(dirFd, name, metadata);
      return;
    }
    const type = unixTypes[node.type];
    if (type === undefined) throw new HoldfastError('unsupported', `an entry of the type '${node.type}' cannot be restored`);
    checkedCall('mknod', libc.mknodAt(dirFd, name, type | modeMeanwhile, node.device ?? 0));
    this.#describe(dirFd, name, type, metadata);
  }

  /** Through a descriptor, so that nothing else can be put in its place in between. */
  #describe(dirFd: number, name: Uint8Array, type: number, metadata: Metadata): void {
    const { libc, setter, stat } = this.#context;
    const fd = checkedCall('open', libc.openAt(dirFd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
    try {
      checkedCall('stat', libc.statxAt(fd, emptyName, AT_EMPTY_PATH, stat.bytes));
      if ((stat.mode & S_IFMT) !== type) throw new HoldfastError('storage-failed', 'another program replaced it while it was restored');
      setter.setOnPathDescriptor(fd, dirFd, name, metadata);
    } finally {
      libc.close(fd);
    }
  }
}
