/**
 * What the snapshots of a repository use, kept up to date.
 *
 * Read in the reverse of the order of writing: snapshots, then the index, then the trees. What a backup writes meanwhile is met by
 * `renew`, which is called when nobody else can write any more: it reads the snapshots and the index files that came since, and walks
 * the new trees only.
 */
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type { IndexId, SnapshotId } from '../../base/ids.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { Backend } from '../../storage/backend.ts';
import { SharedBits } from '../../workers/check/check-memory.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import type { UsageMemory } from '../../workers/prune/messages.ts';
import { BlobLoader } from '../blobs/blob-loader.ts';
import { mapConcurrently } from '../concurrency.ts';
import { loadIndex } from '../index/load-index.ts';
import type { Snapshots } from '../snapshots.ts';
import type { PruneWorkers } from './prune-workers.ts';
import { type RootTree, UsedWalk } from './used-walk.ts';

export interface UsageOptions {
  readonly repository: { readonly backend: Backend; readonly masterKey: MasterKey; readonly snapshots: Pick<Snapshots, 'load'> };
  readonly workers: PruneWorkers;
  /** Snapshots that count as if they were not there. */
  readonly ignoreSnapshots: ReadonlySet<SnapshotId>;
  readonly events?: EventSink | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class Usage {
  readonly index: IndexTable;
  /** The numbers of the packs of each index file. */
  readonly files: Map<IndexId, Uint32Array>;
  readonly #options: UsageOptions;
  readonly #snapshots = new Set<SnapshotId>();
  #memory: UsageMemory;

  /** @throws HoldfastError when anything that snapshots use cannot be read: nothing may then be removed */
  static async read(options: UsageOptions): Promise<Usage> {
    const roots = await newRoots(options, new Set());
    const files = new Map<IndexId, Uint32Array>();
    const usage = new Usage(options, await readIndex(options, files, undefined), files);
    await usage.#walk(roots);
    return usage;
  }

  private constructor(options: UsageOptions, index: IndexTable, files: Map<IndexId, Uint32Array>) {
    this.#options = options;
    this.index = index;
    this.files = files;
    this.#memory = newMemory(index);
  }

  get memory(): UsageMemory {
    return this.#memory;
  }

  get snapshotCount(): number {
    return this.#snapshots.size;
  }

  /**
   * The usage as it is now. To be called when nobody else can write.
   * @returns another one when index files are gone: somebody else rebuilt or pruned, and packs may be gone with them
   */
  async renew(): Promise<Usage> {
    const { backend } = this.#options.repository;
    const names = await Array.fromAsync(backend.list('index', { signal: this.#options.signal }), ({ name }) => name as IndexId);
    const listed = new Set(names);
    if ([...this.files.keys()].some((id) => !listed.has(id))) return await Usage.read(this.#options);
    // Snapshots that were removed meanwhile keep what they used until the next prune.
    const roots = await newRoots(this.#options, this.#snapshots);
    if (names.length > this.files.size) {
      await readIndex(this.#options, this.files, this.index);
      this.#memory = carriedOver(this.index, this.#memory);
    }
    await this.#walk(roots);
    return this;
  }

  async #walk(roots: readonly RootTree[]): Promise<void> {
    const { repository, workers, events, signal } = this.#options;
    await workers.pool.setUp({ kind: 'begin', usage: this.#memory });
    using loader = new BlobLoader(repository.backend, repository.masterKey, this.index);
    await new UsedWalk({ index: this.index, memory: this.#memory, workers, loader, events, signal }).run(roots);
    for (const { snapshot } of roots) this.#snapshots.add(snapshot);
  }
}

/** @throws HoldfastError for a snapshot that cannot be read: what it uses would be taken for unused */
async function newRoots({ repository, ignoreSnapshots, signal }: UsageOptions, known: ReadonlySet<SnapshotId>): Promise<RootTree[]> {
  const names = await Array.fromAsync(repository.backend.list('snapshot', { signal }), ({ name }) => name as SnapshotId);
  const wanted = names.filter((id) => !known.has(id) && !ignoreSnapshots.has(id));
  const roots = await mapConcurrently(wanted, (id) => loadRoot(repository.snapshots, id, signal), signal);
  return roots.filter((root) => root !== undefined);
}

/** Undefined for one that was removed while the list was read. */
async function loadRoot(
  snapshots: Pick<Snapshots, 'load'>,
  id: SnapshotId,
  signal: AbortSignal | undefined,
): Promise<RootTree | undefined> {
  try {
    return { snapshot: id, tree: (await snapshots.load(id, { signal })).tree };
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code === 'not-found') return undefined;
    if (error.code !== 'damaged') throw error;
    throw new HoldfastError('damaged', error.message, {
      hint: damagedSnapshotHint,
      context: { ...error.context, snapshot: id },
      cause: error,
    });
  }
}

const damagedSnapshotHint =
  'Nothing was removed: what that snapshot uses is not known. Restore its file from a copy of the repository, or give it up by removing the file.';

async function readIndex(
  { repository: { backend, masterKey }, workers, signal }: UsageOptions,
  files: Map<IndexId, Uint32Array>,
  into: IndexTable | undefined,
): Promise<IndexTable> {
  return await loadIndex(backend, masterKey, {
    signal,
    reader: workers.readIndexFile,
    except: new Set(files.keys()),
    onLoaded: (id, packs) => void files.set(id, packs),
    ...(into === undefined ? {} : { into }),
  });
}

function newMemory(index: IndexTable): UsageMemory {
  const bits = () => SharedBits.memoryFor(index.entryCount);
  return { index: index.memory, usedBits: bits(), claimedBits: bits() };
}

/**
 * The marks for an index that has grown. A mark stands at the entry that `find` gives for a blob, and that may be another one now: a
 * second copy of the blob came, and the table looks where it grew first. So every mark moves to what `find` gives today; one that stayed
 * behind would make its blob look unused.
 */
function carriedOver(index: IndexTable, before: UsageMemory): UsageMemory {
  const memory = newMemory(index);
  const id = new Uint8Array(32);
  for (const kind of ['usedBits', 'claimedBits'] as const) {
    const old = new SharedBits(before[kind]);
    const marks = new SharedBits(memory[kind]);
    const count = Math.min(index.entryCount, before[kind].byteLength * 8);
    for (let entry = 0; entry < count; entry++) {
      if (!old.has(entry)) continue;
      index.copyId(entry, id);
      marks.add(index.find(id, index.typeOf(entry)));
    }
  }
  return memory;
}
