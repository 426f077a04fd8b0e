/** The snapshots of a repository: loaded, saved, removed, and found by what people write on a command line. */
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { isId, type SnapshotId } from '../base/ids.ts';
import { type DecodedSnapshot, decodeSnapshot, encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import type { Backend, CallOptions } from '../storage/backend.ts';
import { mapConcurrently } from './concurrency.ts';
import { inFile } from './damaged-file.ts';
import { findByPrefix, notFound } from './find-by-prefix.ts';
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

  constructor(backend: Backend, files: UnpackedFiles) {
    this.#backend = backend;
    this.#files = files;
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

  /** All snapshots, oldest first. One that is removed meanwhile is left out. */
  async list({ signal, onDamaged }: ListOptions = {}): Promise<StoredSnapshot[]> {
    const files = await Array.fromAsync(this.#backend.list('snapshot', { signal }));
    const loaded = await mapConcurrently(
      files,
      async ({ name }) => {
        try {
          return await this.load(name as SnapshotId, { signal });
        } catch (thrown) {
          const error = asHoldfastError(thrown);
          if (error.code === 'not-found') return undefined;
          if (error.code === 'cancelled' || onDamaged === undefined) throw error;
          onDamaged(name as SnapshotId, error);
          return undefined;
        }
      },
      signal,
    );
    return loaded.filter((snapshot) => snapshot !== undefined).sort(byTime);
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
    const { name, subfolder } = splitReference(reference);
    if (name !== 'latest') return { snapshot: await this.#findById(name, options), subfolder };
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
    for (const reference of references) {
      const found = await this.#selectOne(reference, filter, options);
      const key = found.snapshot?.id ?? reference;
      if (!selected.has(key)) selected.set(key, found);
    }
    return [...selected.values()];
  }

  async #findById(name: string, options: CallOptions): Promise<StoredSnapshot> {
    return await this.load(
      isId(name) ? (name as SnapshotId) : await findByPrefix<SnapshotId>(this.#backend, 'snapshot', name, options),
      options,
    );
  }

  async #selectAll(filter: SnapshotFilter, options: CallOptions): Promise<SelectedSnapshot[]> {
    const damaged: SelectedSnapshot[] = [];
    const onDamaged = (id: SnapshotId, error: HoldfastError) => damaged.push({ reference: id, error });
    const snapshots = await this.list({ ...options, onDamaged });
    const matching = snapshots.filter((snapshot) => matchesFilter(snapshot, filter));
    return [...matching.map((snapshot) => ({ reference: snapshot.id, snapshot })), ...damaged];
  }

  async #selectOne(reference: string, filter: SnapshotFilter, options: CallOptions): Promise<SelectedSnapshot> {
    try {
      if (reference.includes(':')) throw folderNotAllowed(reference);
      return { reference, snapshot: (await this.find(reference, filter, options)).snapshot };
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
  );
}
