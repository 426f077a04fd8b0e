/** What the rewriting of snapshots has in common, whatever it is for: an index, a place for trees, and the order of writing. */
import type { Clock } from '../../base/clock.ts';
import { type EventSink, ignoreEvents, type Operation } from '../../base/events.ts';
import type { BlobId } from '../../base/ids.ts';
import type { CompressionMode } from '../../compression/compressor.ts';
import { type IndexTable, treeBlob } from '../../workers/index-table.ts';
import { BlobSaver } from '../blobs/blob-saver.ts';
import type { Repository } from '../repository.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import { drySaver } from './dry-saver.ts';
import { type ReplacedSnapshot, SnapshotReplacer } from './snapshot-replacer.ts';
import type { RewriteMemo, TreeEdit } from './tree-edit.ts';
import { TreeRewriter } from './tree-rewriter.ts';

export interface RewriteSessionOptions {
  readonly operation: Operation;
  /** Whether the old snapshots go when the new ones are there. */
  readonly forgets: boolean;
  readonly tag: string;
  readonly isDryRun: boolean;
  readonly onReplaced?: ((replaced: ReplacedSnapshot) => void) | undefined;
  readonly compression?: CompressionMode | undefined;
  readonly packSizeBytes?: number | undefined;
  readonly events?: EventSink | undefined;
  readonly clock?: Clock | undefined;
  /** Fires when the lock is lost, too: then nothing is written any more. */
  readonly signal?: AbortSignal | undefined;
}

interface SessionParts {
  readonly index: IndexTable;
  readonly existing: readonly StoredSnapshot[];
  /** Undefined on a dry run. */
  readonly saver: BlobSaver | undefined;
}

export class RewriteSession implements AsyncDisposable {
  readonly index: IndexTable;
  readonly replacer: SnapshotReplacer;
  readonly #repository: Repository;
  readonly #options: RewriteSessionOptions;
  readonly #saver: BlobSaver | undefined;
  #treesRead = 0;
  #bytesRead = 0;

  static async open(repository: Repository, options: RewriteSessionOptions): Promise<RewriteSession> {
    const { signal, compression, packSizeBytes, isDryRun, clock } = options;
    // Those that cannot be read are the caller's to tell of.
    const existing = await repository.snapshots.list({ signal, onDamaged: () => {} });
    const index = await repository.loadIndex({ signal });
    const saverOptions = { index, signal, compression, packSizeBytes, ...(clock === undefined ? {} : { clock }) };
    const saver = isDryRun ? undefined : await BlobSaver.open(repository, saverOptions);
    return new RewriteSession(repository, { index, existing, saver }, options);
  }

  private constructor(repository: Repository, { index, existing, saver }: SessionParts, options: RewriteSessionOptions) {
    const { forgets, tag, isDryRun, onReplaced = () => {}, signal } = options;
    this.index = index;
    this.#repository = repository;
    this.#options = options;
    this.#saver = saver;
    const settle = async (): Promise<void> => await saver?.settle();
    this.replacer = new SnapshotReplacer({
      snapshots: repository.snapshots,
      existing,
      settle,
      forgets,
      tag,
      isDryRun,
      onReplaced,
      signal,
    });
  }

  rewriter(edit: TreeEdit, memo: RewriteMemo): TreeRewriter {
    const saver = this.#saver;
    return new TreeRewriter({
      loadTree: (id) => this.#loadTree(id),
      saver: saver === undefined ? drySaver : { saveTree: (plain) => saver.save(treeBlob, plain) },
      edit,
      memo,
      onTree: (jsonBytes) => this.#tell(jsonBytes),
      signal: this.#options.signal,
    });
  }

  /** After a failure too nothing is under way when the lock is released. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#saver?.quiesce();
    this.#saver?.[Symbol.dispose]();
    this.#repository.forgetIndex();
  }

  /** A snapshot may refer to a tree that was lost until this run made the very same one: then it has to be in a pack first. */
  async #loadTree(id: BlobId): Promise<Buffer> {
    const { signal } = this.#options;
    const entry = this.index.find(Buffer.from(id, 'hex'), treeBlob);
    if (entry >= 0 && this.index.packOf(entry) < 0) await this.#saver?.settle();
    return await this.#repository.loadBlob(treeBlob, id, { signal });
  }

  #tell(jsonBytes: number): void {
    this.#treesRead++;
    this.#bytesRead += jsonBytes;
    const { events = ignoreEvents, operation } = this.#options;
    events({ kind: 'progress', operation, filesDone: this.#treesRead, bytesDone: this.#bytesRead, errorCount: 0 });
  }
}
