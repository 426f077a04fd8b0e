/**
 * Walks a part of the file system depth first and turns it into trees.
 *
 * A worker walks on by itself as long as the others have work; when main runs short of requests it gives
 * subdirectories, large files or a share of a large directory's names away. What is given away leaves a hole in its
 * directory, and a directory with holes is finished by main. Names are opened relative to their directory's descriptor: no
 * path is too long, and a folder swapped for a link on the way is not followed. What was given away is opened by its path, as
 * the roots are: there, a folder above it that is swapped for a link meanwhile is followed.
 */
import { encodeNodeFields, type NodeFields } from '../../format/node-encoder.ts';
import type { ParentEntry } from '../../format/parent-entries.ts';
import { encodeTree } from '../../format/tree.ts';
import { AT_EMPTY_PATH, S_IFDIR, S_IFMT, S_IFREG, S_IFSOCK, statLikeLstat } from '../../posix/constants.ts';
import { errnoName, posixError } from '../../posix/errno.ts';
import { emptyName } from '../../posix/names.ts';
import { treeBlob } from '../index-table.ts';
import { Counter } from './counters.ts';
import { DirectoryFrame } from './directory-frame.ts';
import { joinPath, openPath, printablePath, splitPath } from './entry-paths.ts';
import type { FileArchiver } from './file-archiver.ts';
import type { DirectoryRequest, EntryRequest, HoleToken, NamesRequest } from './messages.ts';
import { fieldsOf, isSameMetadata } from './node-fields.ts';
import { latin1, nameBytes, quotedOf } from './entry-names.ts';
import { openFlags, openReadable, openReadablePath } from './open-entry.ts';
import { SourceFailure } from './source-failure.ts';
import type { WorkerContext } from './worker-context.ts';

/** The text of a node, of several joined by commas, a hole to be filled later, or nothing. */
export type Part = string | HoleToken | undefined;

/** Each level of recursion holds a descriptor and a stack frame: deeper folders are given away instead. */
const maxDepth = 64;
/** Giving a directory away costs messages, and a thread to put its parent together: what a worker was given is worth splitting from here on. */
const splitAfterMs = 4;
/** A directory with more names than this left is shared with a worker that has nothing to do. */
const shareableNames = 512;

export class EntryWalk {
  readonly #context: WorkerContext;
  readonly #files: FileArchiver;
  #startMs = 0;

  constructor(context: WorkerContext, files: FileArchiver) {
    this.#context = context;
    this.#files = files;
  }

  /** A target, or any entry named by its path. */
  entry(request: EntryRequest): Part {
    const { libc, parents } = this.#context;
    this.#startMs = performance.now();
    const target = splitPath(request.path);
    const place = splitPath(request.snapshotPath);
    const fd = openPath(libc, target.folder, openFlags.passage);
    if (fd < 0) return this.#vanished(printablePath(request.path), 'open', fd);
    try {
      const previous = parents.load(request.parentTree).get(quotedOf(latin1(place.name)));
      const frame = new DirectoryFrame(fd, { path: target.folder, snapshotPath: place.folder }, 0);
      return this.#save(frame, latin1(target.name), place.name, previous, request.isExplicit);
    } finally {
      libc.close(fd);
    }
  }

  /** A directory that another worker gave away; already selected. */
  directory(request: DirectoryRequest): Part {
    this.#startMs = performance.now();
    const fd = openReadablePath(this.#context.libc, request.path, openFlags.directory);
    const { name } = splitPath(request.snapshotPath);
    return this.#openedDirectory(fd, request.path, request.snapshotPath, name, request.previous, 0, request.token);
  }

  /** A share of a large directory's names. */
  names(request: NamesRequest): Part {
    this.#startMs = performance.now();
    const { libc, parents } = this.#context;
    const fd = openReadablePath(libc, request.path, openFlags.directory);
    if (fd < 0) return this.#vanished(printablePath(request.path), 'open', fd);
    try {
      const frame = new DirectoryFrame(fd, request, 0);
      const names = request.names.map(latin1);
      const parts = this.#children(frame, names, parents.load(request.parentTree), request.parentTree);
      if (parts.some((part) => typeof part === 'number')) return this.#pendingShare(request.token, parts);
      return parts.join(',');
    } finally {
      libc.close(fd);
    }
  }

  #pendingShare(token: HoleToken, parts: readonly (string | HoleToken)[]): HoleToken {
    const snapshotPath = new Uint8Array(0);
    this.#context.tell({
      kind: 'pending',
      token,
      parts,
      head: '',
      snapshotPath,
      isNew: false,
      previousTree: undefined,
      isSameMetadata: false,
    });
    return token;
  }

  #save(frame: DirectoryFrame, name: string, snapshotName: Uint8Array, previous: ParentEntry | undefined, isExplicit: boolean): Part {
    const { libc, stat } = this.#context;
    this.#context.throwIfStopped();
    const pathText = (): string => frame.pathText(name);
    if (!isExplicit && !frame.isNameSelected(this.#context.selector, name)) return this.#excluded(pathText());
    const result = libc.statxAt(frame.fd, nameBytes(name), statLikeLstat, stat.bytes);
    if (result < 0) return this.#vanished(pathText(), 'lstat', result);
    if (!isExplicit && !frame.isEntrySelected(this.#context.selector, name, stat)) return this.#excluded(pathText());
    const type = stat.mode & S_IFMT;
    if (type === S_IFDIR) return this.#directory(frame, name, snapshotName, previous);
    // A socket cannot be restored to anything useful; restic leaves them out too.
    if (type === S_IFSOCK) return undefined;
    try {
      return type === S_IFREG
        ? this.#files.save(frame, name, snapshotName, previous)
        : this.#files.saveOther(frame, name, snapshotName, previous);
    } catch (error) {
      return this.#failed(pathText(), error);
    }
  }

  #directory(frame: DirectoryFrame, name: string, snapshotName: Uint8Array, previous: ParentEntry | undefined): Part {
    const path = joinPath(frame.path, Buffer.from(name, 'latin1'));
    const snapshotPath = joinPath(frame.snapshotPath, snapshotName);
    if (frame.depth >= maxDepth || (performance.now() - this.#startMs > splitAfterMs && this.#context.takesOffer())) {
      const token = this.#context.newToken();
      this.#context.tell({ kind: 'offer', request: { kind: 'directory', token, path, snapshotPath, previous } });
      return token;
    }
    const fd = openReadable(this.#context.libc, frame.fd, nameBytes(name), openFlags.directory);
    return this.#openedDirectory(fd, path, snapshotPath, snapshotName, previous, frame.depth + 1, undefined);
  }

  #openedDirectory(
    fd: number,
    path: Uint8Array,
    snapshotPath: Uint8Array,
    snapshotName: Uint8Array,
    previous: ParentEntry | undefined,
    depth: number,
    token: HoleToken | undefined,
  ): Part {
    const { libc, stat, begin } = this.#context;
    if (fd < 0) return this.#vanished(printablePath(path), 'open', fd);
    try {
      const result = libc.statxAt(fd, emptyName, AT_EMPTY_PATH, stat.bytes);
      if (result < 0) return this.#vanished(printablePath(path), 'fstat', result);
      const fields = fieldsOf(stat, quotedOf(latin1(snapshotName)), begin.withAtime);
      this.#files.readAttributes(fields, fd, () => printablePath(path));
      const frame = new DirectoryFrame(fd, { path, snapshotPath }, depth);
      return this.#tree(frame, fields, previous, token);
    } catch (error) {
      return this.#failed(printablePath(path), error);
    } finally {
      libc.close(fd);
    }
  }

  #tree(frame: DirectoryFrame, fields: NodeFields, previous: ParentEntry | undefined, token: HoleToken | undefined): Part {
    const { parents, store } = this.#context;
    const names = frame.listNames(this.#context.libc);
    const previousTree = previous?.type === 'dir' ? previous.subtree : undefined;
    const parts = this.#children(frame, names, parents.load(previousTree), previousTree);
    const isSame = previous !== undefined && isSameMetadata(fields, previous);
    const node = encodeNodeFields(fields, 'null');
    const head = `${node.slice(0, -1)},"subtree":"`;
    if (!parts.every((part) => typeof part === 'string')) {
      const own = token ?? this.#context.newToken();
      const { snapshotPath } = frame;
      const isNew = previous === undefined;
      this.#context.tell({ kind: 'pending', token: own, parts, head, snapshotPath, isNew, previousTree, isSameMetadata: isSame });
      return own;
    }
    const id = store.save(treeBlob, encodeTree(parts));
    this.#countDirectory(previous, isSame && id === previousTree);
    return `${head}${id}"}`;
  }

  #countDirectory(previous: ParentEntry | undefined, isSame: boolean): void {
    const counter = previous === undefined ? Counter.dirsNew : isSame ? Counter.dirsUnmodified : Counter.dirsChanged;
    this.#context.counters.add(counter, 1);
  }

  #children(
    frame: DirectoryFrame,
    names: string[],
    previous: ReadonlyMap<string, ParentEntry>,
    parentTree: string | undefined,
  ): (string | HoleToken)[] {
    const parts: (string | HoleToken)[] = [];
    /** What lies behind `end`, the first names last. */
    const shares: HoleToken[] = [];
    let end = names.length;
    for (let at = 0; at < end; at++) {
      const isTimeToShare = at % shareableNames === shareableNames - 1 && end - at >= 2 * shareableNames;
      if (isTimeToShare && this.#context.takesOffer()) {
        const middle = at + Math.ceil((end - at) / 2);
        shares.push(this.#giveAway(frame, names.slice(middle, end), parentTree));
        end = middle;
      }
      const name = names[at] ?? '';
      const part = this.#save(frame, name, Buffer.from(name, 'latin1'), previous.get(quotedOf(name)), false);
      if (part !== undefined && part !== '') parts.push(part);
    }
    return [...parts, ...shares.reverse()];
  }

  /** Gives names to a worker that has nothing to do. @returns the hole that they leave */
  #giveAway(frame: DirectoryFrame, names: readonly string[], parentTree: string | undefined): HoleToken {
    const token = this.#context.newToken();
    const given = names.map((name) => Buffer.from(name, 'latin1'));
    const { path, snapshotPath } = frame;
    this.#context.tell({ kind: 'offer', request: { kind: 'names', token, path, snapshotPath, parentTree, names: given } });
    return token;
  }

  #excluded(path: string): undefined {
    if (this.#context.begin.reportItems) {
      this.#context.tell({ kind: 'items', items: [{ action: 'excluded', path, sizeBytes: 0, addedBytes: 0, addedPackedBytes: 0 }] });
    }
    return undefined;
  }

  /** What disappeared between listing and looking is no error. */
  #vanished(path: string, syscall: string, result: number): undefined {
    if (errnoName(result) !== 'ENOENT') this.#context.fail(path, posixError(syscall, path, result));
    return undefined;
  }

  #failed(path: string, error: unknown): undefined {
    if (!(error instanceof SourceFailure)) throw error;
    this.#context.fail(path, error.failure);
    return undefined;
  }
}
