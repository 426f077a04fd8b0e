/**
 * A repository in a folder of a server that speaks SFTP, in the layout that restic uses there.
 *
 * As durable as the server allows: with OpenSSH's extensions (`fsync@`, `posix-rename@`, `hardlink@openssh.com`) a file is synced, then takes its
 * name in one step, and its folder is synced. Other servers do what the protocol has.
 */
import { open, unlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import type { Clock, Randomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import {
  type Backend,
  type BackendCapabilities,
  type CallOptions,
  configFile,
  describeFile,
  existingRepositoryError,
  type FileKind,
  type ListedFile,
  type ListOptions,
  type LoadOptions,
  missingFileError,
  missingRepositoryError,
  type SaveOptions,
  type StoredFile,
} from '../backend.ts';
import { layoutFolders, pathSegments } from '../default-layout.ts';
import type { StagingArea } from '../staging-area.ts';
import type { ChannelPool, UseOptions } from './channel-pool.ts';
import type { SftpChannel } from './sftp-channel.ts';
import { isStatus } from './sftp-status.ts';
import { fullError, requestError } from './sftp-errors.ts';
import { createFolders } from './sftp-folders.ts';
import { SftpInspection } from './sftp-inspection.ts';
import { listFolder, listFolders, packFolderGroups } from './sftp-listing.ts';
import { loadPart } from './sftp-loading.ts';
import { isThere, type Modes, modesLike, ownerModes, SftpPublisher } from './sftp-publisher.ts';
import { fileSource, memorySource, type UploadSource } from './sftp-transfer.ts';
import { TemporaryFiles } from './temporary-files.ts';

const stagingMode = 0o700;
const changeableMode = 0o600;
/** Cleaning up at the end is a courtesy that nobody waits long for. */
const cleanUpMs = 2_000;

export interface SftpBackendParts {
  readonly pool: ChannelPool;
  /** The repository's folder on the server. */
  readonly root: string;
  /** For people. */
  readonly location: string;
  readonly staging: StagingArea;
  readonly clock: Clock;
  readonly random: Randomness;
}

export class SftpBackend implements Backend {
  readonly location: string;
  readonly capabilities: BackendCapabilities = { localFiles: false, atomicCreate: true, isReadOnly: false };
  readonly inspection: SftpInspection;
  readonly #pool: ChannelPool;
  readonly #root: string;
  readonly #staging: StagingArea;
  readonly #temporary: TemporaryFiles;
  readonly #publisher: SftpPublisher;
  #modes: Modes | undefined;

  constructor({ pool, root, location, staging, clock, random }: SftpBackendParts) {
    this.#pool = pool;
    this.#root = root;
    this.location = location;
    this.#staging = staging;
    this.#temporary = new TemporaryFiles(root, random);
    this.#publisher = new SftpPublisher(root, this.#temporary);
    this.inspection = new SftpInspection({
      root,
      temporary: this.#temporary,
      folderMode: ownerModes.folder,
      clock,
      use: (what, options, work) => this.#use(what, options, work),
    });
  }

  async create({ signal }: CallOptions = {}): Promise<void> {
    await this.#use('creating the repository', { signal }, async (channel) => {
      if (await isThere(channel, this.#path(configFile))) throw existingRepositoryError(this.location);
      const made = await createFolders(channel, this.#root, ownerModes.folder);
      // The names of the folders must be as durable as the files that will be put into them.
      for (const folder of made) await this.#publisher.syncFolder(channel, folder);
    });
  }

  async open({ signal }: CallOptions = {}): Promise<void> {
    await this.#use('opening the repository', { signal }, async (channel) => {
      try {
        this.#modes = modesLike((await channel.stat(this.#path(configFile))).mode);
      } catch (error) {
        throw isStatus(error, 'missing') ? missingRepositoryError(this.location, error) : error;
      }
    });
  }

  async save(file: StoredFile, bytes: Uint8Array, { signal, replacesConfig = false }: SaveOptions = {}): Promise<void> {
    const source = memorySource(bytes);
    if (file.kind !== 'config' || replacesConfig) return await this.#publish(file, source, signal);
    const isFirst = await this.#use(`saving ${describeFile(file)}`, { signal }, async (channel) => {
      return await this.#publisher.publishConfig(channel, source, ownerModes);
    });
    // Perhaps it is our own, from a call whose answer was lost.
    if (!isFirst && !(await this.#hasContent(file, bytes, signal))) throw existingRepositoryError(this.location);
  }

  async adopt(file: StoredFile, stagedPath: string, { signal }: CallOptions = {}): Promise<void> {
    this.#path(file);
    throwIfCancelled(signal);
    try {
      const staged = await open(stagedPath, 'r');
      await using _ = staged;
      await this.#publish(file, await fileSource(staged), signal);
      await unlink(stagedPath);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async load(file: StoredFile, options: LoadOptions = {}): Promise<Buffer> {
    const path = this.#path(file);
    return await this.#useFile('loading', file, options.signal, (channel) => loadPart(channel, path, file, options));
  }

  async stat(file: StoredFile, { signal }: CallOptions = {}): Promise<{ sizeBytes: number }> {
    const path = this.#path(file);
    return await this.#useFile('looking for', file, signal, async (channel) => ({ sizeBytes: (await channel.stat(path)).size }));
  }

  async exists(file: StoredFile, { signal }: CallOptions = {}): Promise<boolean> {
    const path = this.#path(file);
    return await this.#useFile('looking for', file, signal, (channel) => isThere(channel, path));
  }

  /** No channel is held while somebody works through the names: that work may need one. */
  async *list(kind: FileKind, { signal }: ListOptions = {}): AsyncGenerator<ListedFile> {
    throwIfCancelled(signal);
    const what = `listing files of the kind ${kind}`;
    if (kind === 'config') return yield* await this.#listConfig(what, signal);
    const folder = posix.join(this.#root, layoutFolders[kind]);
    const use = { signal, isUrgent: kind === 'lock' };
    if (kind !== 'pack') {
      const files = await this.#use(what, use, (channel) => listFolder(channel, folder, ''));
      return yield* files ?? (await this.#emptyUnlessGone(signal));
    }
    const groups = await this.#use(what, use, (channel) => packFolderGroups(channel, folder));
    for (const group of groups ?? (await this.#emptyUnlessGone(signal))) {
      yield* await this.#use(what, use, (channel) => listFolders(channel, group, true));
    }
  }

  async remove(file: StoredFile, { signal }: CallOptions = {}): Promise<void> {
    const path = this.#path(file);
    await this.#useFile('removing', file, signal, async (channel) => {
      await removeFile(channel, path);
      // A lock that comes back after a power cut is found stale; anything else would come back as a file of the repository.
      if (file.kind !== 'lock') await this.#publisher.syncFolder(channel, posix.dirname(path));
    });
  }

  pathOf(file: StoredFile): undefined {
    pathSegments(file);
  }

  async stagingFolder({ signal }: CallOptions = {}): Promise<string> {
    throwIfCancelled(signal);
    try {
      return await this.#staging.folder(stagingMode);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async close(): Promise<void> {
    await this.#removeLeftBehind();
    await this.#pool.close();
    await this.#staging.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #path(file: StoredFile): string {
    return posix.join(this.#root, ...pathSegments(file));
  }

  async #publish(file: StoredFile, source: UploadSource, signal: AbortSignal | undefined): Promise<void> {
    const what = `saving ${describeFile(file)}`;
    await this.#useFile('saving', file, signal, async (channel) => {
      try {
        await this.#publisher.publish(channel, file, source, await this.#modesOf(channel));
      } catch (error) {
        if (isStatus(error, 'failure') && (await this.#isFull(channel, source.sizeBytes))) throw fullError(what, this.location, error);
        throw error;
      }
    });
  }

  async #modesOf(channel: SftpChannel): Promise<Modes> {
    if (this.#modes !== undefined) return this.#modes;
    const found = await channel.stat(this.#path(configFile)).catch((error: unknown) => {
      if (isStatus(error, 'missing')) return undefined;
      throw error;
    });
    // Until there is a config, nobody has said anything about rights.
    if (found === undefined) return ownerModes;
    this.#modes = modesLike(found.mode);
    return this.#modes;
  }

  /** The protocol has no word for a full disk. */
  async #isFull(channel: SftpChannel, neededBytes: number): Promise<boolean> {
    if (!channel.has('statvfs')) return false;
    const room = await channel.room(this.#root).catch(() => undefined);
    return room !== undefined && (room.freeBytes < neededBytes || room.freeFiles === 0);
  }

  async #hasContent(file: StoredFile, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<boolean> {
    const { sizeBytes } = await this.stat(file, { signal });
    return sizeBytes === bytes.length && (await this.load(file, { signal, maxBytes: bytes.length })).equals(bytes);
  }

  async #listConfig(what: string, signal: AbortSignal | undefined): Promise<ListedFile[]> {
    return await this.#use(what, { signal }, async (channel) => {
      const isFound = await isThere(channel, this.#path(configFile));
      return isFound ? [{ name: '', sizeBytes: (await channel.stat(this.#path(configFile))).size }] : [];
    });
  }

  /** An empty folder may have been removed; a whole repository that is gone (a disk that is not mounted) must not look like an empty one. */
  async #emptyUnlessGone(signal: AbortSignal | undefined): Promise<[]> {
    if (await this.exists(configFile, { signal })) return [];
    throw missingRepositoryError(this.location);
  }

  async #removeLeftBehind(): Promise<void> {
    const paths = this.#temporary.leftBehind;
    if (paths.length === 0 || !this.#pool.isConnected) return;
    const signal = AbortSignal.timeout(cleanUpMs);
    await this.#pool.use((channel) => Promise.allSettled(paths.map((path) => channel.remove(path))), { signal }).catch(() => {});
  }

  async #useFile<T>(
    verb: string,
    file: StoredFile,
    signal: AbortSignal | undefined,
    work: (channel: SftpChannel) => Promise<T>,
  ): Promise<T> {
    const what = `${verb} ${describeFile(file)}`;
    try {
      return await this.#use(what, { signal, isUrgent: file.kind === 'lock' }, work);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'storage-missing') throw missingFileError(file, this.location, error);
      throw error;
    }
  }

  async #use<T>(what: string, options: UseOptions, work: (channel: SftpChannel) => Promise<T>): Promise<T> {
    try {
      return await this.#pool.use(work, options);
    } catch (error) {
      throw isSystemError(error) ? asHoldfastError(error) : requestError(what, this.location, error);
    }
  }
}

/** Of this machine: the staged file could not be read. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

async function removeFile(channel: SftpChannel, path: string): Promise<void> {
  try {
    await channel.remove(path);
  } catch (error) {
    if (isStatus(error, 'missing')) return;
    if (!isStatus(error, 'denied')) throw error;
    // Servers on Windows remove no file that is read-only; elsewhere the second attempt fails as the first did.
    await channel.setMode(path, changeableMode).catch(() => {});
    await channel.remove(path);
  }
}
