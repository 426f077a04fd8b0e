/**
 * Finds directories that nothing refers to any more, and makes a snapshot of them: what a removed or damaged snapshot had.
 *
 * Every tree of the repository is read once; in memory are two bits for each. Nothing that is there is changed.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { asHoldfastError, type HoldfastError, toErrorRecord } from '../../base/errors.ts';
import { type EventSink, ignoreEvents } from '../../base/events.ts';
import { type BlobId, idFromBytes, type SnapshotId } from '../../base/ids.ts';
import type { CompressionMode } from '../../compression/compressor.ts';
import { goMode } from '../../format/file-mode.ts';
import { quoteName } from '../../format/go-quote.ts';
import { formatTimeNs } from '../../format/go-time.ts';
import { encodeNode } from '../../format/node-encoder.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { encodeTree } from '../../format/tree.ts';
import { scanTree } from '../../format/tree-scan.ts';
import type { CallOptions } from '../../storage/backend.ts';
import { type IndexTable, treeBlob } from '../../workers/index-table.ts';
import { BlobSaver } from '../blobs/blob-saver.ts';
import type { Repository } from '../repository.ts';
import { BlobMarks } from '../tree/blob-marks.ts';

export interface RecoverOptions extends CallOptions {
  /** Who recovers, for the record of the snapshot. */
  readonly record: Pick<Snapshot, 'hostname' | 'username' | 'uid' | 'gid'> & { readonly programVersion: string };
  readonly compression?: CompressionMode | undefined;
  readonly events?: EventSink;
  readonly clock?: Clock;
}

export interface Recovery {
  /** Directories that nothing refers to. */
  readonly roots: readonly BlobId[];
  readonly treeCount: number;
  /** Trees that could not be read: they are left out, and what is below them counts as referred to by nothing. */
  readonly unreadableCount: number;
  /** Undefined when there was nothing to recover. */
  readonly snapshotId: SnapshotId | undefined;
}

/** @throws HoldfastError as Repository.loadIndex, and when the snapshot cannot be stored: then there is none */
export async function recover(repository: Repository, options: RecoverOptions): Promise<Recovery> {
  const { signal } = options;
  const snapshotTrees = await readSnapshotTrees(repository, options);
  const index = await repository.loadIndex({ signal });
  await warnOfUnknownPacks(repository, index, options);
  const search = new RootSearch(repository, index, options);
  const roots = await search.run(snapshotTrees);
  const { treeCount, unreadableCount } = search;
  const snapshotId = roots.length === 0 ? undefined : await saveRecovered(repository, index, roots, options);
  return { roots, treeCount, unreadableCount, snapshotId };
}

/** The trees of a snapshot that cannot be read are recovered like those of one that was removed. */
async function readSnapshotTrees(repository: Repository, { signal, events = ignoreEvents }: RecoverOptions): Promise<BlobId[]> {
  const onDamaged = (_id: SnapshotId, { message }: HoldfastError): void =>
    events({ kind: 'warning', message: `${message}; what it had is recovered` });
  return (await repository.snapshots.list({ signal, onDamaged })).map(({ tree }) => tree);
}

/** What is in packs that no index knows cannot be found. To put the index right is left to a person: that may give up damaged packs. */
async function warnOfUnknownPacks(
  { backend }: Repository,
  index: IndexTable,
  { signal, events = ignoreEvents }: RecoverOptions,
): Promise<void> {
  const known = new Set<string>();
  for (let pack = 0; pack < index.packCount; pack++) known.add(index.packIdHex(pack));
  let unknownCount = 0;
  for await (const { name } of backend.list('pack', { signal })) if (!known.has(name)) unknownCount++;
  if (unknownCount === 0) return;
  const message = `${unknownCount} packs are in no index: run \`repair index\` before, to recover what is in them too`;
  events({ kind: 'warning', message });
}

class RootSearch {
  treeCount = 0;
  unreadableCount = 0;
  readonly #repository: Repository;
  readonly #index: IndexTable;
  readonly #options: RecoverOptions;
  readonly #referred: BlobMarks;
  #treesTotal = 0;
  #bytesDone = 0;

  constructor(repository: Repository, index: IndexTable, options: RecoverOptions) {
    this.#repository = repository;
    this.#index = index;
    this.#options = options;
    this.#referred = new BlobMarks(index);
  }

  async run(snapshotTrees: readonly BlobId[]): Promise<BlobId[]> {
    for (const tree of snapshotTrees) this.#referred.add(tree, treeBlob);
    for (const _entry of this.#trees()) this.#treesTotal++;
    for (const entry of this.#trees()) await this.#read(this.#index.idHex(entry) as BlobId);
    const roots: BlobId[] = [];
    for (const entry of this.#trees()) if (!this.#referred.hasEntry(entry)) roots.push(this.#index.idHex(entry) as BlobId);
    return roots.sort();
  }

  /** Entries of all trees, one for each, in the order of the index: that of the packs, which suits the disk. */
  *#trees(): Generator<number> {
    const id = new Uint8Array(32);
    for (let entry = 0; entry < this.#index.entryCount; entry++) {
      if (this.#index.typeOf(entry) !== treeBlob || this.#index.packOf(entry) < 0) continue;
      this.#index.copyId(entry, id);
      if (this.#index.find(id, treeBlob) === entry) yield entry;
    }
  }

  async #read(tree: BlobId): Promise<void> {
    const { signal, events = ignoreEvents } = this.#options;
    throwIfCancelled(signal);
    try {
      const plain = await this.#repository.loadBlob(treeBlob, tree, { signal });
      this.#bytesDone += plain.length;
      scanTree(
        plain,
        ({ subtree }) => {
          if (subtree !== undefined) this.#referred.add(idFromBytes<BlobId>(subtree), treeBlob);
        },
        () => {},
      );
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code !== 'damaged' && error.code !== 'not-found') throw error;
      this.unreadableCount++;
      // There is nothing in it to recover, and a snapshot with it would be damaged from the start.
      this.#referred.add(tree, treeBlob);
      events({ kind: 'failure', operation: 'recover', error: toErrorRecord(error) });
    }
    this.treeCount++;
    const counts = {
      filesDone: this.treeCount,
      filesTotal: this.#treesTotal,
      bytesDone: this.#bytesDone,
      errorCount: this.unreadableCount,
    };
    events({ kind: 'progress', operation: 'recover', ...counts });
  }
}

/** The tree and the index that names it are durable before the snapshot is written: killed before that, nothing refers to them. */
async function saveRecovered(
  repository: Repository,
  index: IndexTable,
  roots: readonly BlobId[],
  { record, compression, clock = systemClock, signal }: RecoverOptions,
): Promise<SnapshotId> {
  const time = formatTimeNs(clock.nowNs());
  using saver = await BlobSaver.open(repository, { index, compression, signal, clock });
  try {
    const tree = saver.save(treeBlob, encodeTree(nodesFor(roots, time)));
    await saver.settle();
    return await repository.snapshots.save({ ...record, time, tree, paths: ['/recover'], excludes: [], tags: ['recovered'] }, { signal });
  } finally {
    await saver.quiesce();
    repository.forgetIndex();
  }
}

/** Digits of the id in the name of a recovered directory, as in restic; more where two begin alike. */
const usualDigits = 8;

function nodesFor(roots: readonly BlobId[], time: string): string[] {
  let digits = usualDigits;
  while (new Set(roots.map((root) => root.slice(0, digits))).size < roots.length) digits *= 2;
  return roots.map((subtree) =>
    encodeNode({
      name: quoteName(Buffer.from(subtree.slice(0, digits))),
      type: 'dir',
      mode: goMode.dir + 0o755,
      mtime: time,
      atime: time,
      ctime: time,
      uid: 0,
      gid: 0,
      content: null,
      subtree,
    }),
  );
}
