/** Puts the files of a tree into the plan: where their blobs lie, and what to do about files that exist already. */
import { HoldfastError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import { sealOverhead } from '../../crypto/sealer.ts';
import type { TreeNode } from '../../format/node.ts';
import type { PathText } from '../../patterns/path-text.ts';
import { S_IFMT, S_IFREG } from '../../posix/constants.ts';
import { dataBlob } from '../index-table.ts';
import { checkedCall } from './call-error.ts';
import { restoreCounter } from './counters.ts';
import { givesWay, hasSameTime, statExisting } from './existing-entries.ts';
import type { LinkCandidate } from './messages.ts';
import { type Metadata, metadataOf, storeMetadata } from './metadata.ts';
import { blobWord, directoryState, fileFlag, fileWord } from './plan/restore-plan.ts';
import type { WorkerContext } from './worker-context.ts';

export class FilePlanning {
  readonly #context: WorkerContext;
  readonly #id = Buffer.alloc(32);

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  /**
   * @param place of the name in the plan's heap
   * @returns the file's row; undefined when it is skipped
   * @throws HoldfastError when the file cannot be restored
   */
  add(directory: number, state: number, node: TreeNode, place: number, path: () => PathText): number | undefined {
    const { metadataRules, plan } = this.#context;
    const metadata = metadataOf(node, metadataRules);
    const entries = this.#entriesOf(node);
    const sizeBytes = entries.reduce((sum, entry) => sum + this.#plainLength(entry), 0);
    const flags = state === directoryState.existing ? this.#judgeExisting(directory, place, metadata, sizeBytes) : 0;
    if (flags === undefined) {
      this.#context.countSkipped(path, sizeBytes);
      return undefined;
    }
    if (BigInt(sizeBytes) !== BigInt(node.size ?? 0)) this.#warnOfSize(path, node, sizeBytes);
    const { files } = plan;
    const file = files.allocate(1);
    storeMetadata(metadata, files, file, plan.heap);
    files.set(file, fileWord.directory, directory);
    files.set(file, fileWord.name, place);
    files.setFloat(file, fileWord.sizeBytes, sizeBytes);
    files.set(file, fileWord.flags, flags | (isLinked(node) ? fileFlag.linkCandidate : 0));
    this.#addBlobs(file, entries);
    files.set(file, fileWord.remaining, entries.length);
    if ((flags & fileFlag.trusted) === 0) this.#countPlanned(sizeBytes);
    return file;
  }

  #entriesOf(node: TreeNode): number[] {
    const { index } = this.#context;
    return (node.content ?? []).map((id) => {
      this.#id.write(id, 'hex');
      const entry = index.find(this.#id, dataBlob);
      if (entry < 0 || index.packOf(entry) < 0) throw missingBlob(id);
      return entry;
    });
  }

  #addBlobs(file: number, entries: readonly number[]): void {
    const { plan } = this.#context;
    const first = plan.blobs.allocate(entries.length);
    let offset = 0;
    entries.forEach((entry, position) => {
      const row = first + position;
      plan.blobs.set(row, blobWord.entry, entry);
      plan.blobs.set(row, blobWord.file, file);
      plan.blobs.setFloat(row, blobWord.offset, offset);
      offset += this.#plainLength(entry);
    });
    plan.files.set(file, fileWord.firstBlob, first);
    plan.files.set(file, fileWord.blobCount, entries.length);
  }

  #plainLength(entry: number): number {
    const { index } = this.#context;
    const plainLength = index.plainLengthOf(entry);
    return plainLength === 0 ? index.lengthOf(entry) - sealOverhead : plainLength;
  }

  /** Flags for the file's row; undefined when the existing file is left alone. */
  #judgeExisting(directory: number, place: number, metadata: Metadata, sizeBytes: number): number | undefined {
    const { libc, stat, folders, plan, rules } = this.#context;
    const dirFd = checkedCall('open', folders.open(directory));
    if (!statExisting(libc, dirFd, plan.heap.viewAt(place), stat)) return 0;
    if (!givesWay(rules.overwrite, metadata, stat)) return undefined;
    if ((stat.mode & S_IFMT) !== S_IFREG) return fileFlag.exists;
    const isSameSize = stat.sizeBytes === sizeBytes;
    if (rules.overwrite === 'if-changed' && isSameSize && hasSameTime(metadata, stat)) return fileFlag.exists | fileFlag.trusted;
    return fileFlag.exists | fileFlag.compare | (isSameSize ? 0 : fileFlag.otherSize);
  }

  #countPlanned(sizeBytes: number): void {
    this.#context.count(restoreCounter.total, 1);
    this.#context.count(restoreCounter.totalBytes, sizeBytes);
  }

  #warnOfSize(path: () => PathText, node: TreeNode, sizeBytes: number): void {
    this.#context.warnOf(
      path(),
      `the snapshot gives it ${node.size ?? 0} bytes, but its content has ${sizeBytes}: the content is restored`,
    );
  }
}

export function linkCandidate(file: number, node: TreeNode): LinkCandidate | undefined {
  return isLinked(node) ? { file, identity: `${node.deviceId ?? 0}:${node.inode ?? 0}` } : undefined;
}

function isLinked(node: TreeNode): boolean {
  return node.links !== undefined && node.links > 1;
}

function missingBlob(id: BlobId): HoldfastError {
  return new HoldfastError('damaged', `its content needs blob ${id}, which no index of the repository has`, {
    hint: 'Run a check to see what is lost.',
    context: { blob: id },
  });
}
