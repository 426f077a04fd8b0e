/** Answers the requests of a backup's main thread. */
import { toErrorRecord } from '../../base/errors.ts';
import { posixError } from '../../posix/errno.ts';
import { encodeTree } from '../../format/tree.ts';
import { AT_EMPTY_PATH } from '../../posix/constants.ts';
import { cName, emptyName } from '../../posix/names.ts';
import { pathThrough } from '../../posix/xattrs.ts';
import { encodeNodeFields } from '../../format/node-encoder.ts';
import { type BlobType, dataBlob, treeBlob } from '../index-table.ts';
import { latin1, quotedOf } from './entry-names.ts';
import { openPath, printablePath, splitPath } from './entry-paths.ts';
import { EntryWalk, type Part } from './entry-walk.ts';
import { FileArchiver } from './file-archiver.ts';
import { findCuts, storeChunks } from './shared-file.ts';
import type {
  ArchiveRequest,
  ArchiveResponse,
  BeginRequest,
  FileRequest,
  IndexFileRequest,
  MergeRequest,
  MetadataRequest,
  StreamChunkRequest,
} from './messages.ts';
import { fieldsOf, isSameMetadata } from './node-fields.ts';
import { openFlags } from './open-entry.ts';
import { SourceFailure } from './source-failure.ts';
import type { WorkerContext } from './worker-context.ts';

const currentFolder = cName(Buffer.from('.'));

export class ArchiveWork {
  readonly #context: WorkerContext;
  readonly #walk: EntryWalk;
  readonly #files: FileArchiver;

  constructor(context: WorkerContext) {
    this.#context = context;
    this.#files = new FileArchiver(context);
    this.#walk = new EntryWalk(context, this.#files);
  }

  handle(request: Exclude<ArchiveRequest, BeginRequest | IndexFileRequest>): ArchiveResponse {
    switch (request.kind) {
      case 'entry':
        return filled(this.#walk.entry(request));
      case 'directory':
        return filled(this.#walk.directory(request));
      case 'names':
        return filled(this.#walk.names(request));
      case 'file':
        return this.#file(request);
      case 'cut':
        return unlessUnreadable(() => findCuts(this.#context, request));
      case 'chunks':
        return unlessUnreadable(() => storeChunks(this.#context, request));
      case 'stream-chunk':
        return this.#streamChunk(request);
      case 'tree':
        return { kind: 'tree', id: this.#context.store.save(treeBlob, encodeTree(request.nodes)) };
      case 'metadata':
        return this.#metadata(request);
      case 'flush':
        return this.#flush();
      case 'merge':
        return this.#merge(request);
    }
  }

  #streamChunk({ memory, length }: StreamChunkRequest): ArchiveResponse {
    const { store, counters } = this.#context;
    const before = counters.dataAdded();
    const id = store.save(dataBlob, new Uint8Array(memory, 0, length));
    return { kind: 'blobs', ids: [id], ...counters.dataAdded(before) };
  }

  #file(request: FileRequest): ArchiveResponse {
    try {
      return this.#files.saveLarge(request);
    } catch (error) {
      if (!(error instanceof SourceFailure)) throw error;
      this.#context.fail(printablePath(request.path), error.failure);
      return filled(undefined);
    }
  }

  /** A folder above a target that cannot be described ends the run: without it there is no path to the target. */
  #metadata({ path, snapshotPath, parentTree }: MetadataRequest): ArchiveResponse {
    const { libc, stat, begin, parents } = this.#context;
    // Links on the way to a target are followed: the target was named through them.
    const fd = openPath(libc, path, openFlags.passage);
    if (fd < 0) throw posixError('open', printablePath(path), fd);
    try {
      const result = libc.statxAt(fd, emptyName, AT_EMPTY_PATH, stat.bytes);
      if (result < 0) throw posixError('fstat', printablePath(path), result);
      const name = quotedOf(latin1(splitPath(snapshotPath).name));
      const fields = fieldsOf(stat, name, begin.withAtime);
      this.#files.readAttributesIfAllowed(fields, pathThrough(fd, currentFolder), printablePath(path));
      const previous = parents.load(parentTree).get(name);
      const isSame = previous !== undefined && isSameMetadata(fields, previous);
      const head = `${encodeNodeFields(fields, 'null').slice(0, -1)},"subtree":"`;
      return { kind: 'metadata', head, previousTree: previous?.subtree, isSameMetadata: isSame, isNew: previous === undefined };
    } finally {
      libc.close(fd);
    }
  }

  #flush(): ArchiveResponse {
    const { packs } = this.#context;
    const unfinished = packs === undefined ? [] : [packs.data.takeUnfinished(), packs.tree.takeUnfinished()];
    return { kind: 'unfinished', packs: unfinished.filter((pack) => pack !== undefined) };
  }

  #merge({ type, parts }: MergeRequest): ArchiveResponse {
    const writer = this.#context.packWriter(type, mergedName(type));
    for (const part of parts) writer.append(part);
    writer.finish();
    return { kind: 'done' };
  }
}

function filled(part: Part): ArchiveResponse {
  return { kind: 'filled', part };
}

/** One file that cannot be read is left out; what goes wrong with the repository ends the run. */
function unlessUnreadable(read: () => ArchiveResponse): ArchiveResponse {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SourceFailure)) throw error;
    return { kind: 'unreadable', error: toErrorRecord(error.failure) };
  }
}

function mergedName(type: BlobType): string {
  return type === treeBlob ? 'merged-tree' : 'merged-data';
}
