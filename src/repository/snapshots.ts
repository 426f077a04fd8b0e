/** The snapshots of a repository: loaded, saved, removed, and found by what people write on a command line. */
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import type { SnapshotId } from '../base/ids.ts';
import { type DecodedSnapshot, decodeSnapshot, encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import type { Backend, CallOptions } from '../storage/backend.ts';
import { mapConcurrently } from './concurrency.ts';
import { inFile } from './damaged-file.ts';
import { findByPrefix, listedOnce, notFound } from './find-by-prefix.ts';
import { loadManySnapshots, type ManySnapshotsPlace } from './many-snapshots.ts';
import { describeFilter, isEmptyFilter, matchesFilter, type SnapshotFilter, withAbsolutePaths } from './snapshot-filter.ts';
import type { UnpackedFiles } from './unpacked-files.ts';

/** A snapshot with the id of its file. */
export interface StoredSnapshot extends DecodedSnapshot {
  readonly id: SnapshotId;
}

export interface ListOptions extends CallOptions {
  /** Gets the snapshots that cannot be read, and the list goes on. Without it the first of them ends the list with its error. */
  readonly onDamaged?: ((id: SnapshotId, error: HoldfastError) => void) | undefined;
}

export interface LatestOptions extends ListOptions {
  /** Only snapshots of this moment or before; nanoseconds since 1970. */
  readonly notAfterNs?: bigint | undefined;
}

/** What "1a2b3c:/some/folder" names; the folder is '' when nothing was named. */
export interface FoundSnapshot {
  readonly snapshot: StoredSnapshot;
  readonly subfolder: string;
}

export type SelectedSnapshot =
  | { readonly reference: string; readonly snapshot: StoredSnapshot; readonly error?: undefined }
  | { readonly reference: string; readonly snapshot?: undefined; readonly error: HoldfastError };

export class Snapshots {
  readonly #backend: Backend;
  readonly #files: UnpackedFiles;
  readonly #many: ManySnapshotsPlace | undefined;
  #loading: Promise<readonly StoredSnapshot[]> | undefined;

  /** @param many where thousands of snapshots may be loaded by several threads */
  constructor(backend: Backend, files: UnpackedFiles, many?: ManySnapshotsPlace) {
    this.#backend = backend;
    this.#files = files;
    this.#many = many;
  }

  /** @throws HoldfastError `not-found`, or `damaged` naming the file */
  async load(id: SnapshotId, options: CallOptions = {}): Promise<StoredSnapshot> {
    try {
      const json = await this.#files.load('snapshot', id, options);
      return { ...inFile({ kind: 'snapshot', name: id }, () => decodeSnapshot(json)), id };
    } catch (error) {
      throw error instanceof HoldfastError && error.code === 'storage-missing' ? notFound('snapshot', id) : error;
    }
  }

  /** Everything that the snapshot refers to must be durable already: from this moment on others rely on it. */
  async save(snapshot: Snapshot, options: CallOptions = {}): Promise<SnapshotId> {
    return await this.#files.save('snapshot', encodeSnapshot(snapshot), options);
  }

  async remove(id: SnapshotId, options: CallOptions = {}): Promise<void> {
    await this.#files.remove('snapshot', id, options);
  }

  /**
   * Begins to load all snapshots, for a `list` that is about to come: while a lock is waited for, say. That `list` looks again which there
   * are, and loads only what was not there before: a file never changes. It never fails; disposing it ends it.
   */
  beginLoading({ signal }: CallOptions = {}): AsyncDisposable {
    const stop = new AbortController();
    const ended = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    const loading = this.list({ signal: ended, onDamaged: () => {} }).catch(() => []);
    this.#loading = loading;
    return {
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await loading;
        if (this.#loading === loading) this.#loading = undefined;
      },
    };
  }

  /** All snapshots, oldest first. One that is removed meanwhile is left out. */
  async list({ signal, onDamaged }: ListOptions = {}): Promise<StoredSnapshot[]> {
    const known = new Map<SnapshotId, StoredSnapshot>((await this.#loading)?.map((snapshot) => [snapshot.id, snapshot]));
    const listed = this.#backend.list('snapshot', { signal, namesOnly: true });
    const ids = await Array.fromAsync(listed, ({ name }) => name as SnapshotId);
    const others = ids.filter((id) => !known.has(id));
    if (this.#many !== undefined) {
      for (const [id, snapshot] of await loadManySnapshots(this.#many, others, { signal })) known.set(id, snapshot);
    }
    const load = async (id: SnapshotId) => known.get(id) ?? (await this.#loadListed(id, { signal, onDamaged }));
    const loaded = await mapConcurrently(ids, load, signal);
    return loaded.filter((snapshot) => snapshot !== undefined).sort(byTime);
  }

  /** Undefined for one that was removed since it was listed, and for a damaged one that was told to `onDamaged`. */
  async #loadListed(id: SnapshotId, { signal, onDamaged }: ListOptions): Promise<StoredSnapshot | undefined> {
    try {
      return await this.load(id, { signal });
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code === 'not-found') return undefined;
      if (error.code === 'cancelled' || onDamaged === undefined) throw error;
      onDamaged(id, error);
      return undefined;
    }
  }

  /** The latest snapshot of those that the filter lets through. Its paths count from the current folder. */
  async latest(filter: SnapshotFilter, options: LatestOptions = {}): Promise<StoredSnapshot | undefined> {
    const absolute = withAbsolutePaths(filter);
    const { notAfterNs } = options;
    const snapshots = await this.list(options);
    return snapshots.findLast(
      (snapshot) => matchesFilter(snapshot, absolute) && (notAfterNs === undefined || snapshot.timeNs <= notAfterNs),
    );
  }

  /**
   * The snapshot named by an id, its first digits, or `latest` (of those that the filter lets through), with `:folder` behind it or not.
   * @throws HoldfastError `not-found`, `ambiguous`, `damaged`: also when `latest` meets a damaged one, which may have been the latest
   */
  async find(reference: string, filter: SnapshotFilter, options: LatestOptions = {}): Promise<FoundSnapshot> {
    return await this.#find(reference, filter, options, this.#backend);
  }

  async #find(reference: string, filter: SnapshotFilter, options: LatestOptions, place: Pick<Backend, 'list'>): Promise<FoundSnapshot> {
    const { name, subfolder } = splitReference(reference);
    if (name !== 'latest') return { snapshot: await this.#findById(name, options, place), subfolder };
    const snapshot = await this.latest(filter, options);
    if (snapshot === undefined) throw noneMatches(filter);
    return { snapshot, subfolder };
  }

  /**
   * The snapshots meant by the arguments of a command that takes any number of them: those named, each once, or without names all that
   * the filter lets through, oldest first. What cannot be found or read has an error in its place.
   */
  async select(references: readonly string[], filter: SnapshotFilter, options: CallOptions = {}): Promise<SelectedSnapshot[]> {
    if (references.length === 0) return await this.#selectAll(filter, options);
    const selected = new Map<string, SelectedSnapshot>();
    const place = listedOnce(this.#backend);
    for (const reference of references) {
      const found = await this.#selectOne(reference, filter, options, place);
      const key = found.snapshot?.id ?? reference;
      if (!selected.has(key)) selected.set(key, found);
    }
    return [...selected.values()];
  }

  async #findById(name: string, options: CallOptions, place: Pick<Backend, 'list'>): Promise<StoredSnapshot> {
    return await this.load(await findByPrefix<SnapshotId>(place, 'snapshot', name, options), options);
  }

  async #selectAll(filter: SnapshotFilter, options: CallOptions): Promise<SelectedSnapshot[]> {
    const damaged: SelectedSnapshot[] = [];
    const onDamaged = (id: SnapshotId, error: HoldfastError) => damaged.push({ reference: id, error });
    const snapshots = await this.list({ ...options, onDamaged });
    const matching = snapshots.filter((snapshot) => matchesFilter(snapshot, filter));
    return [...matching.map((snapshot) => ({ reference: snapshot.id, snapshot })), ...damaged];
  }

  async #selectOne(
    reference: string,
    filter: SnapshotFilter,
    options: CallOptions,
    place: Pick<Backend, 'list'>,
  ): Promise<SelectedSnapshot> {
    try {
      if (reference.includes(':')) throw folderNotAllowed(reference);
      return { reference, snapshot: (await this.#find(reference, filter, options, place)).snapshot };
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code === 'cancelled') throw error;
      return { reference, error };
    }
  }
}

/** "id:folder" at its first colon: ids have none, folders may. */
export function splitReference(reference: string): { readonly name: string; readonly subfolder: string } {
  const colon = reference.indexOf(':');
  return colon === -1 ? { name: reference, subfolder: '' } : { name: reference.slice(0, colon), subfolder: reference.slice(colon + 1) };
}

/** Of several of the same moment the order is that of their ids, so that `latest` is the same one every time. */
function byTime(a: StoredSnapshot, b: StoredSnapshot): number {
  if (a.timeNs !== b.timeNs) return a.timeNs < b.timeNs ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function noneMatches(filter: SnapshotFilter): HoldfastError {
  const message = isEmptyFilter(filter) ? 'the repository has no snapshots' : `no snapshot has ${describeFilter(filter)}`;
  return new HoldfastError('not-found', message, { hint: 'List the snapshots of the repository to see which there are.' });
}

function folderNotAllowed(reference: string): HoldfastError {
  return new HoldfastError(
    'usage',
    `${JSON.stringify(reference)} names a folder inside a snapshot, and this operation takes whole snapshots`,
    { hint: 'Leave out the colon and what follows it.' },
  );
}
