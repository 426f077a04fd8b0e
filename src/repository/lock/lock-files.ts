/** The lock files of a repository: read, written, removed. */
import type { Clock } from '../../base/clock.ts';
import { asHoldfastError, type HoldfastError } from '../../base/errors.ts';
import type { LockId } from '../../base/ids.ts';
import { decodeLock, encodeLock, type LockFile } from '../../format/lock-file.ts';
import type { Backend, ListedFile } from '../../storage/backend.ts';
import { mapConcurrently } from '../concurrency.ts';
import { inFile } from '../damaged-file.ts';
import type { UnpackedFiles } from '../unpacked-files.ts';
import { isStale } from './lock-owner.ts';

/** Where locks are, and by which clock they age. */
export interface LockPlace {
  readonly backend: Backend;
  readonly files: UnpackedFiles;
  readonly clock: Clock;
}

export type FoundLock =
  | { readonly id: LockId; readonly lock: LockFile; readonly error?: undefined }
  | { readonly id: LockId; readonly lock?: undefined; readonly error: HoldfastError };

/**
 * All locks but those in `except`. Empty files are no locks: storage that does not write atomically leaves them behind when an upload
 * breaks off. A lock that is removed while this reads is left out.
 */
export async function readLocks(place: LockPlace, except: ReadonlySet<LockId>, signal: AbortSignal | undefined): Promise<FoundLock[]> {
  const ids = (await listLocks(place, signal)).filter(({ name, sizeBytes }) => sizeBytes > 0 && !except.has(name as LockId));
  const found = await mapConcurrently(ids, ({ name }) => readLock(place, name as LockId, signal), signal);
  return found.filter((lock) => lock !== undefined);
}

export async function listLocks(place: LockPlace, signal: AbortSignal | undefined): Promise<ListedFile[]> {
  return await Array.fromAsync(place.backend.list('lock', { signal }));
}

async function readLock(place: LockPlace, id: LockId, signal: AbortSignal | undefined): Promise<FoundLock | undefined> {
  try {
    const json = await place.files.load('lock', id, { signal });
    return { id, lock: inFile({ kind: 'lock', name: id }, () => decodeLock(json)) };
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code === 'cancelled') throw error;
    return error.code === 'storage-missing' ? undefined : { id, error };
  }
}

export async function writeLock(place: LockPlace, lock: LockFile): Promise<LockId> {
  return await place.files.save('lock', encodeLock(lock));
}

/** What `unlock` does: removes locks that nobody holds any more. Locks that cannot be read stay. Gives the ids. */
export async function removeStaleLocks(place: LockPlace, signal?: AbortSignal): Promise<LockId[]> {
  const found = await readLocks(place, new Set(), signal);
  const stale = found.flatMap(({ id, lock }) => (lock !== undefined && isStale(lock, place.clock.nowNs()) ? [id] : []));
  await mapConcurrently(stale, (id) => place.files.remove('lock', id, { signal }), signal);
  return stale;
}

/** What `unlock --remove-all` does: removes every lock, held or not, readable or not. Gives the ids. */
export async function removeAllLocks(place: LockPlace, signal?: AbortSignal): Promise<LockId[]> {
  const ids = (await listLocks(place, signal)).map(({ name }) => name as LockId);
  await mapConcurrently(ids, (id) => place.files.remove('lock', id, { signal }), signal);
  return ids;
}
