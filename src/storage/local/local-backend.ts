/** A repository in a folder of this machine, in the layout that restic uses there. */
import { mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { type Clock, type Randomness, systemClock, systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import {
  type Backend,
  type BackendCapabilities,
  type CallOptions,
  configFile,
  existingRepositoryError,
  type FileKind,
  type ListedFile,
  type ListOptions,
  type LoadOptions,
  missingRepositoryError,
  type SaveOptions,
  type StoredFile,
} from '../backend.ts';
import { allFolders, pathSegments } from '../default-layout.ts';
import { StagingArea } from '../staging-area.ts';
import { FolderSync } from './folder-sync.ts';
import { listFiles } from './listing.ts';
import { LocalInspection } from './local-inspection.ts';
import { type Modes, modesLike, ownerModes } from './modes.ts';
import { finish, Publisher } from './publisher.ts';
import { readStored } from './reading.ts';
import { asSystemWork, inWordsOfContract, isErrno } from './system-errors.ts';

export interface LocalBackendOptions {
  /** Relative paths count from the current folder. */
  readonly path: string;
  readonly clock?: Clock;
  readonly random?: Randomness;
}

export class LocalBackend implements Backend {
  readonly location: string;
  readonly capabilities: BackendCapabilities = { localFiles: true, atomicCreate: true, isReadOnly: false };
  readonly inspection: LocalInspection;
  readonly #root: string;
  readonly #folders = new FolderSync();
  readonly #publisher: Publisher;
  readonly #staging: StagingArea;
  #modes: Promise<Modes> | undefined;
  #savedCount = 0;

  constructor(options: LocalBackendOptions) {
    this.#root = resolve(options.path);
    this.location = this.#root;
    this.#publisher = new Publisher(this.#root, this.#folders);
    this.inspection = new LocalInspection(this.#root, options.clock ?? systemClock, (call) => this.stagingFolder(call));
    this.#staging = new StagingArea({
      parent: join(this.#root, 'tmp'),
      makesParent: true,
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandomness,
    });
  }

  async create({ signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    await asSystemWork(async () => {
      if ((await this.#configMode()) !== undefined) throw existingRepositoryError(this.location);
      await mkdir(this.#root, { recursive: true, mode: ownerModes.folder });
      for (const folder of allFolders()) await mkdir(join(this.#root, folder), { recursive: true, mode: ownerModes.folder });
      // The names of the folders must be as durable as the files that will be put into them.
      for (const folder of [join(this.#root, 'data'), this.#root, dirname(this.#root)]) await this.#folders.sync(folder);
    });
  }

  async open({ signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    const mode = await asSystemWork(() => this.#configMode());
    if (mode === undefined) throw missingRepositoryError(this.location);
    this.#modes = Promise.resolve(modesLike(mode));
  }

  async save(file: StoredFile, bytes: Uint8Array, { signal, replacesConfig = false }: SaveOptions = {}): Promise<void> {
    const target = this.pathOf(file);
    throwIfCancelled(signal);
    await asSystemWork(async () => {
      const staged = await this.#stage(bytes, signal);
      try {
        await this.#publish(file, staged, target, replacesConfig);
      } catch (error) {
        await unlink(staged).catch(() => {});
        throw error;
      }
    });
  }

  async adopt(file: StoredFile, stagedPath: string, { signal }: CallOptions = {}): Promise<void> {
    const target = this.pathOf(file);
    throwIfCancelled(signal);
    await asSystemWork(async () => {
      await finish(await open(stagedPath, 'r'), await this.#modesOfFiles());
      await this.#publish(file, stagedPath, target, false);
    });
  }

  async load(file: StoredFile, options: LoadOptions = {}): Promise<Buffer> {
    return await inWordsOfContract(file, this.location, () => readStored(this.pathOf(file), file, options));
  }

  async stat(file: StoredFile, { signal }: CallOptions = {}): Promise<{ sizeBytes: number }> {
    throwIfCancelled(signal);
    return await inWordsOfContract(file, this.location, async () => ({ sizeBytes: (await stat(this.pathOf(file))).size }));
  }

  async exists(file: StoredFile, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.stat(file, options);
      return true;
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'storage-missing') return false;
      throw error;
    }
  }

  async *list(kind: FileKind, options: ListOptions = {}): AsyncGenerator<ListedFile> {
    try {
      yield* listFiles(this.#root, kind, options);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async remove(file: StoredFile, { signal }: CallOptions = {}): Promise<void> {
    const path = this.pathOf(file);
    throwIfCancelled(signal);
    await asSystemWork(async () => {
      try {
        // Through Node's pool: its threads free what files take side by side, and a thousand removals at once hardly pay for the way.
        await unlink(path);
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return;
        throw error;
      }
      // A lock that comes back after a power cut is found stale; anything else would come back as a file of the repository.
      if (file.kind !== 'lock') await this.#folders.sync(dirname(path));
    });
  }

  pathOf(file: StoredFile): string {
    return join(this.#root, ...pathSegments(file));
  }

  async stagingFolder({ signal }: CallOptions = {}): Promise<string> {
    throwIfCancelled(signal);
    return await asSystemWork(async () => await this.#staging.folder((await this.#modesOfFiles()).folder));
  }

  async close(): Promise<void> {
    await asSystemWork(() => this.#staging.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #stage(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<string> {
    const modes = await this.#modesOfFiles();
    const path = join(await this.#staging.folder(modes.folder), `saved-${this.#savedCount++}`);
    const handle = await open(path, 'wx', modes.file);
    try {
      await handle.writeFile(bytes);
      throwIfCancelled(signal);
      await finish(handle, modes);
    } catch (error) {
      await handle.close().catch(() => {});
      await unlink(path).catch(() => {});
      throw error;
    }
    return path;
  }

  async #publish(file: StoredFile, stagedPath: string, target: string, replacesConfig: boolean): Promise<void> {
    const modes = await this.#modesOfFiles();
    if (file.kind === 'config' && !replacesConfig) await this.#publisher.publishOnce(stagedPath, target, modes);
    else await this.#publisher.publish(stagedPath, target, modes);
  }

  #modesOfFiles(): Promise<Modes> {
    this.#modes ??= this.#configMode().then((mode) => (mode === undefined ? ownerModes : modesLike(mode)));
    return this.#modes;
  }

  /** Undefined where there is no config. */
  async #configMode(): Promise<number | undefined> {
    try {
      return (await stat(this.pathOf(configFile))).mode;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  }
}
