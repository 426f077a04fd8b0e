/** Turns one entry that is no directory into its node, storing the content of files that changed. */
import { S_IFLNK, S_IFMT, S_IFREG, AT_EMPTY_PATH } from '../../posix/constants.ts';
import { errnoName, posixError } from '../../posix/errno.ts';
import { emptyName } from '../../posix/names.ts';
import { HoldfastError } from '../../base/errors.ts';
import { contentIdAt, contentLength, encodeContent, encodeNodeFields, type NodeFields } from '../../format/node-encoder.ts';
import type { ParentEntry } from '../../format/parent-entries.ts';
import type { QuotedName } from '../../format/go-quote.ts';
import { dataBlob } from '../index-table.ts';
import { type Added, Counter, type FileChange } from './counters.ts';
import type { DirectoryFrame } from './directory-frame.ts';
import { latin1, nameBytes, quotedOf } from './entry-names.ts';
import { joinPath, printablePath, splitPath } from './entry-paths.ts';
import type { Part } from './entry-walk.ts';
import { alwaysSharedBytes, type ArchiveResponse, type FileRequest, sharedFileBytes } from './messages.ts';
import { changeOf, fieldsOf, isFileChanged, isSameMetadata, readAttributes } from './node-fields.ts';
import { openFlags, openReadable, openReadablePath } from './open-entry.ts';
import { fromSource, SourceFailure } from './source-failure.ts';
import type { WorkerContext } from './worker-context.ts';

/** Files of this size and more are given to a worker that has nothing to do: a message costs less than reading them. */
const offeredFileBytes = 1 << 20;

const linkTargetMaxBytes = 1 << 16;
const nothingAdded: Added = { addedBytes: 0, addedPackedBytes: 0 };

export class FileArchiver {
  readonly #context: WorkerContext;
  readonly #id = Buffer.alloc(32);
  #linkTarget: Buffer | undefined;

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  /** A regular file, just looked at: `context.stat` is its. @throws SourceFailure */
  save(frame: DirectoryFrame, name: string, snapshotName: Uint8Array, previous: ParentEntry | undefined): Part {
    const { stat, begin, libc } = this.#context;
    const fields = fieldsOf(stat, this.#quoted(snapshotName), begin.withAtime);
    if (previous !== undefined && !isFileChanged(fields, previous, begin.changes) && this.#hasContent(frame, name, previous.content)) {
      this.readAttributes(fields, frame.attributePath(name), () => frame.pathText(name));
      return this.#unchanged(fields, previous, frame, name);
    }
    if (this.#isToOffer(stat.sizeBytes)) return this.#offer(frame, name, snapshotName, previous);
    const fd = openReadable(libc, frame.fd, nameBytes(name), openFlags.file);
    if (fd < 0) return this.#notOpened(frame.pathText(name), fd);
    try {
      const opened = this.#describe(fd, fields.nameQuoted, () => frame.pathOf(name));
      return this.#store(fd, opened, previous, () => frame.pathOf(name));
    } finally {
      libc.close(fd);
    }
  }

  /** A large file, by its path; one of many chunks is handed back opened, for all workers to share. @throws SourceFailure */
  saveLarge(request: FileRequest): ArchiveResponse {
    const { libc } = this.#context;
    const fd = openReadablePath(libc, request.path, openFlags.file);
    if (fd < 0) return { kind: 'filled', part: this.#notOpened(printablePath(request.path), fd) };
    let isShared = false;
    try {
      const fields = this.#describe(fd, this.#quoted(splitPath(request.snapshotPath).name), () => request.path);
      isShared = request.isSequential !== true && this.#isForAll(Number(fields.size));
      if (isShared) return { kind: 'large', fd, fields };
      return { kind: 'filled', part: this.#store(fd, fields, request.previous, () => request.path) };
    } finally {
      if (!isShared) libc.close(fd);
    }
  }

  /** Of smaller files there may be millions: offered only as long as somebody waits, they do not pile up at main. */
  #isToOffer(sizeBytes: number): boolean {
    return sizeBytes >= sharedFileBytes || (sizeBytes >= offeredFileBytes && this.#context.takesOffer());
  }

  #isForAll(sizeBytes: number): boolean {
    return sizeBytes >= alwaysSharedBytes || (sizeBytes >= sharedFileBytes && this.#context.isWorkScarce);
  }

  /** A link, device, FIFO. @throws SourceFailure */
  saveOther(frame: DirectoryFrame, name: string, snapshotName: Uint8Array, previous: ParentEntry | undefined): Part {
    const { stat, begin } = this.#context;
    const fields = fieldsOf(stat, this.#quoted(snapshotName), begin.withAtime);
    if ((stat.mode & S_IFMT) === S_IFLNK) fields.linkTarget = this.#readLink(frame, name);
    this.readAttributes(fields, frame.attributePath(name), () => frame.pathText(name));
    const change = previous === undefined ? 'new' : isSameMetadata(fields, previous) ? 'unchanged' : 'modified';
    this.#report(change, () => frame.pathOf(name), 0);
    return encodeNodeFields(fields, 'null');
  }

  #quoted(snapshotName: Uint8Array): QuotedName {
    return quotedOf(latin1(snapshotName));
  }

  /** Fresh from the descriptor: the name may stand for another file than a moment ago. */
  #describe(fd: number, name: QuotedName, path: () => Uint8Array): NodeFields {
    const { libc, stat, begin } = this.#context;
    const result = libc.statxAt(fd, emptyName, AT_EMPTY_PATH, stat.bytes);
    if (result < 0) throw new SourceFailure(posixError('fstat', printablePath(path()), result));
    if ((stat.mode & S_IFMT) !== S_IFREG) {
      throw new SourceFailure(new HoldfastError('partial', `${printablePath(path())} was a file a moment ago and is something else now`));
    }
    const fields = fieldsOf(stat, name, begin.withAtime);
    this.readAttributes(fields, fd, () => printablePath(path()));
    return fields;
  }

  #store(fd: number, fields: NodeFields, previous: ParentEntry | undefined, path: () => Uint8Array): string {
    const { files, counters } = this.#context;
    const before = counters.dataAdded();
    const { ids, sizeBytes } = files.store(fd, Number(fields.size), path);
    fields.size = sizeBytes;
    const content = encodeContent(ids);
    const change = changeOf(fields, content, previous);
    counters.countFile(change, sizeBytes);
    this.#report(change, path, sizeBytes, counters.dataAdded(before));
    return encodeNodeFields(fields, content);
  }

  #unchanged(fields: NodeFields, previous: ParentEntry, frame: DirectoryFrame, name: string): string {
    const { counters } = this.#context;
    const sizeBytes = Number(fields.size);
    counters.countFile('unchanged', sizeBytes);
    counters.add(Counter.doneBytes, sizeBytes);
    this.#report('unchanged', () => frame.pathOf(name), sizeBytes);
    return encodeNodeFields(fields, previous.content);
  }

  #hasContent(frame: DirectoryFrame, name: string, content: string): boolean {
    const count = contentLength(content);
    for (let index = 0; index < count; index++) {
      this.#id.write(contentIdAt(content, index), 'hex');
      if (this.#context.index.find(this.#id, dataBlob) >= 0) continue;
      this.#context.tell({ kind: 'warning', message: `parts of ${frame.pathText(name)} are missing in the repository; storing it again` });
      return false;
    }
    return true;
  }

  #offer(frame: DirectoryFrame, name: string, snapshotName: Uint8Array, previous: ParentEntry | undefined): number {
    const token = this.#context.newToken();
    const snapshotPath = joinPath(frame.snapshotPath, snapshotName);
    const { sizeBytes } = this.#context.stat;
    const path = frame.pathOf(name);
    this.#context.tell({ kind: 'offer', request: { kind: 'file', token, sizeBytes, path, snapshotPath, previous } });
    return token;
  }

  /** @throws SourceFailure when they cannot be listed */
  readAttributes(fields: NodeFields, target: Uint8Array | number, path: () => string): void {
    fromSource(() =>
      readAttributes(fields, target, (attribute, error) => {
        this.#context.fail(`${path()} (attribute ${attribute})`, new SourceFailure(error).failure);
      }),
    );
  }

  /** Above a target attributes may be closed to us; the target is saved all the same. */
  readAttributesIfAllowed(fields: NodeFields, target: Uint8Array, path: string): void {
    try {
      this.readAttributes(fields, target, () => path);
    } catch (error) {
      if (!(error instanceof SourceFailure) || error.failure.code !== 'storage-denied') throw error;
    }
  }

  #readLink(frame: DirectoryFrame, name: string): Buffer {
    this.#linkTarget ??= Buffer.allocUnsafeSlow(linkTargetMaxBytes);
    const length = this.#context.libc.readLinkAt(frame.fd, nameBytes(name), this.#linkTarget);
    if (length < 0) throw new SourceFailure(posixError('readlink', frame.pathText(name), length));
    return Buffer.from(this.#linkTarget.subarray(0, length));
  }

  /** What disappeared between listing and opening is no error. */
  #notOpened(path: string, result: number): undefined {
    if (errnoName(result) !== 'ENOENT') this.#context.fail(path, posixError('open', path, result));
    return undefined;
  }

  #report(action: FileChange, path: () => Uint8Array, sizeBytes: number, added: Added = nothingAdded): void {
    if (!this.#context.begin.reportItems) return;
    this.#context.tell({ kind: 'items', items: [{ action, path: printablePath(path()), sizeBytes, ...added }] });
  }
}
