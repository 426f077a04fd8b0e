/**
 * A repository that was opened: the way to everything in it.
 *
 * Read in the reverse of the order of writing (packs, index, snapshot): list snapshots before loading the index, or a snapshot written
 * in between would refer to blobs that the index does not know yet.
 */
import { type Clock, systemClock, systemRandomness } from '../base/clock.ts';
import type { BlobId, KeyId, LockId } from '../base/ids.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import { Sealer } from '../crypto/sealer.ts';
import type { TreeNode } from '../format/node.ts';
import type { Backend, CallOptions } from '../storage/backend.ts';
import type { BlobType, IndexTable } from '../workers/index-table.ts';
import { BlobLoader } from './blobs/blob-loader.ts';
import { type CreateOptions, createRepository } from './create-repository.ts';
import { findParent, type ParentOptions } from './find-parent.ts';
import { type IndexFileReader, loadIndex } from './index/load-index.ts';
import { type AddKeyOptions, addKey, changePassword, type KeyList, listKeys, removeKey } from './keys.ts';
import { type AcquireLockOptions, acquireLock } from './lock/acquire-lock.ts';
import { GuardedBackend } from './lock/guarded-backend.ts';
import type { Lock } from './lock/lock.ts';
import { type FoundLock, type LockPlace, readLocks, removeAllLocks, removeStaleLocks } from './lock/lock-files.ts';
import { type OpenOptions, type OpenRepository, openRepository } from './open-repository.ts';
import type { RepositoryConfig } from './repository-config.ts';
import { Snapshots, type StoredSnapshot } from './snapshots.ts';
import { firstCompressedVersion, UnpackedFiles } from './unpacked-files.ts';

export interface RepositoryOptions extends OpenOptions {
  readonly clock?: Clock;
  /** What stands in front of the backend from now on, once it is known which repository this is: a cache. */
  readonly inFront?: (opened: OpenRepository) => Promise<Backend>;
}

export class Repository implements OpenRepository, AsyncDisposable {
  /** Refuses changes when a lock of this process was lost. */
  readonly backend: Backend;
  readonly config: RepositoryConfig;
  readonly masterKey: MasterKey;
  /** For this thread; workers make their own from `masterKey`. */
  readonly sealer: Sealer;
  /** Snapshots, locks and indexes as files. */
  readonly files: UnpackedFiles;
  readonly snapshots: Snapshots;
  readonly #guarded: GuardedBackend;
  readonly #locks: LockPlace;
  #keyId: KeyId;
  #index: Promise<IndexTable> | undefined;
  #blobs: BlobLoader | undefined;

  constructor(opened: OpenRepository, clock: Clock = systemClock) {
    this.#guarded = new GuardedBackend(opened.backend);
    this.backend = this.#guarded;
    this.config = opened.config;
    this.masterKey = opened.masterKey;
    this.sealer = new Sealer(opened.masterKey, systemRandomness);
    this.files = new UnpackedFiles(this.backend, this.sealer, opened.config.version);
    const hasCompression = opened.config.version >= firstCompressedVersion;
    this.snapshots = new Snapshots(this.backend, this.files, { backend: this.backend, key: opened.masterKey, hasCompression });
    this.#locks = { backend: this.backend, files: this.files, clock };
    this.#keyId = opened.keyId;
  }

  /** Errors as openRepository. Closing the repository closes the backend; when this fails, the backend stays the caller's. */
  static async open(backend: Backend, options: RepositoryOptions): Promise<Repository> {
    const opened = await openRepository(backend, options);
    return new Repository({ ...opened, backend: (await options.inFront?.(opened)) ?? opened.backend }, options.clock);
  }

  /** Errors as createRepository. The backend as with `open`. */
  static async create(backend: Backend, options: CreateOptions): Promise<Repository> {
    return new Repository(await createRepository(backend, options), options.clock);
  }

  /** The key whose password opened the repository. */
  get keyId(): KeyId {
    return this.#keyId;
  }

  /** Errors and duration as acquireLock. While it is held, nothing can be changed through `backend` once it is lost. */
  async lock(options: AcquireLockOptions): Promise<Lock> {
    const lock = await acquireLock(this.#locks, options);
    this.#guarded.watch(lock);
    return lock;
  }

  /** All locks, also those that cannot be read. */
  async readLocks({ signal }: CallOptions = {}): Promise<FoundLock[]> {
    return await readLocks(this.#locks, new Set(), signal);
  }

  async removeStaleLocks({ signal }: CallOptions = {}): Promise<LockId[]> {
    return await removeStaleLocks(this.#locks, signal);
  }

  async removeAllLocks({ signal }: CallOptions = {}): Promise<LockId[]> {
    return await removeAllLocks(this.#locks, signal);
  }

  async findParent(options: ParentOptions): Promise<StoredSnapshot | undefined> {
    return await findParent(this.snapshots, options);
  }

  async listKeys(options: CallOptions = {}): Promise<KeyList> {
    return await listKeys(this, options);
  }

  async addKey(options: AddKeyOptions): Promise<KeyId> {
    return await addKey(this, options);
  }

  async removeKey(prefix: string, options: CallOptions = {}): Promise<KeyId> {
    return await removeKey(this, prefix, options);
  }

  /** Afterwards the new password opens the repository, and the one that opened it does not. Gives the new key. */
  async changePassword(options: AddKeyOptions): Promise<KeyId> {
    this.#keyId = (await changePassword(this, options)).keyId;
    return this.#keyId;
  }

  /**
   * The index of all blobs, loaded on the first call: afterwards everybody has the same table. What others write later is not in it.
   * @throws HoldfastError `damaged` naming the index file
   */
  async loadIndex({ signal, reader }: CallOptions & { readonly reader?: IndexFileReader } = {}): Promise<IndexTable> {
    this.#index ??= loadIndex(this.backend, this.masterKey, reader === undefined ? { signal } : { signal, reader });
    try {
      return await this.#index;
    } catch (error) {
      // A load that was cancelled, or met a fault that passes, is not the answer for ever.
      this.#index = undefined;
      throw error;
    }
  }

  /** The plaintext of a blob. Errors as BlobLoader.load, and those of loadIndex. */
  async loadBlob(type: BlobType, id: BlobId, options: CallOptions = {}): Promise<Buffer> {
    return await (await this.#loadBlobs(options)).load(type, id, options);
  }

  /** The nodes of a directory. Errors as loadBlob. */
  async loadTree(id: BlobId, options: CallOptions = {}): Promise<readonly TreeNode[]> {
    return await (await this.#loadBlobs(options)).loadTree(id, options);
  }

  /** After something was written: what is loaded next knows it. */
  forgetIndex(): void {
    this.#blobs?.[Symbol.dispose]();
    this.#blobs = undefined;
    this.#index = undefined;
  }

  async close(): Promise<void> {
    this.#blobs?.[Symbol.dispose]();
    this.files.close();
    await this.backend.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #loadBlobs(options: CallOptions): Promise<BlobLoader> {
    const index = await this.loadIndex(options);
    this.#blobs ??= new BlobLoader(this.backend, this.masterKey, index);
    return this.#blobs;
  }
}
