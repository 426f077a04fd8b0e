/**
 * The library: open or create a repository, back up, list, restore, check. What a program needs that is not our command line.
 *
 * Every call may be cancelled by a signal, reports through `onEvent`, and throws HoldfastError.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { ArchiveSession } from '../archiver/archive-session.ts';
import { backup, type BackupOutcome } from '../archiver/backup.ts';
import { systemClock, systemRandomness } from '../base/clock.ts';
import { type EventSink, ignoreEvents } from '../base/events.ts';
import { readVersion } from '../base/package-version.ts';
import type { CompressionMode } from '../compression/compressor.ts';
import { checkRepository } from '../repository/check/check-repository.ts';
import type { CheckReport } from '../repository/check/report.ts';
import { Repository } from '../repository/repository.ts';
import { everySnapshot, type SnapshotFilter } from '../repository/snapshot-filter.ts';
import type { StoredSnapshot } from '../repository/snapshots.ts';
import { restore } from '../restorer/restore.ts';
import type { RestoreOptions, RestoreSummary } from '../restorer/restore-options.ts';
import { selectEverything } from '../selection/selection.ts';
import type { CallOptions } from '../storage/backend.ts';
import { useBackend } from './open-backend.ts';
import type { StorageOptions } from './storage-options.ts';

export interface OpenRepositoryOptions extends CallOptions {
  readonly password: string;
  readonly onEvent?: EventSink;
  /** How a storage is reached that is not a folder. */
  readonly storage?: Omit<StorageOptions, 'events'>;
}

export interface LibraryBackupOptions extends CallOptions {
  /** Patterns of what to leave out, as `--exclude` takes them. */
  readonly exclude?: readonly string[];
  readonly tags?: readonly string[];
  /** This machine's unless told. */
  readonly hostname?: string;
  readonly compression?: CompressionMode;
  /** Bytes from which on a pack is closed; 16 MiB unless told. */
  readonly packSizeBytes?: number;
  readonly skipIfUnchanged?: boolean;
  readonly workerCount?: number;
}

export type LibraryRestoreOptions = Omit<RestoreOptions, 'snapshot' | 'subfolder' | 'events' | 'clock'>;

/** restic's default. */
const defaultPackSizeBytes = 16 << 20;

/**
 * @param location a path or an address, as `--repo` takes it
 * @throws HoldfastError `repository-missing`, `wrong-password`, `damaged`, `storage-*`
 */
export async function openRepository(
  location: string,
  { password, signal, onEvent = ignoreEvents, storage }: OpenRepositoryOptions,
): Promise<HoldfastRepository> {
  const repository = await useBackend(location, { ...storage, events: onEvent }, (backend) =>
    Repository.open(backend, { password, signal, events: onEvent }),
  );
  return new HoldfastRepository(repository, onEvent);
}

/** @throws HoldfastError `repository-exists`, `storage-*` */
export async function createRepository(
  location: string,
  { password, signal, onEvent = ignoreEvents, storage }: OpenRepositoryOptions,
): Promise<HoldfastRepository> {
  const repository = await useBackend(location, { ...storage, events: onEvent }, (backend) =>
    Repository.create(backend, { password, signal, clock: systemClock, random: systemRandomness }),
  );
  return new HoldfastRepository(repository, onEvent);
}

/** An open repository. Dispose of it (`await using`) when it is no longer needed. */
export class HoldfastRepository implements AsyncDisposable {
  readonly #repository: Repository;
  readonly #events: EventSink;

  constructor(repository: Repository, events: EventSink) {
    this.#repository = repository;
    this.#events = events;
  }

  /** The repository's own id. */
  get id(): string {
    return this.#repository.config.id;
  }

  /**
   * Saves files and folders as a snapshot. Look at `failureCount` of the outcome: what could not be read was reported as
   * an event, and is missing in the snapshot.
   */
  async backup(paths: readonly string[], options: LibraryBackupOptions = {}): Promise<BackupOutcome> {
    const { exclude = [], tags = [], signal, workerCount } = options;
    await using session = new ArchiveSession({ workerCount, signal });
    const outcome = await backup(session, this.#repository, {
      source: {
        kind: 'files',
        paths: paths.map((path) => Buffer.from(resolve(path))),
        selection: { ...selectEverything, excludes: exclude },
      },
      parentChoice: { kind: 'found' },
      changes: { ignoreInode: false, ignoreCtime: false },
      compression: options.compression ?? 'auto',
      packSizeBytes: options.packSizeBytes ?? defaultPackSizeBytes,
      withAtime: false,
      isDryRun: false,
      skipIfUnchanged: options.skipIfUnchanged ?? false,
      reportItems: false,
      estimateTotals: false,
      clock: systemClock,
      events: this.#events,
      record: {
        timeNs: systemClock.nowNs(),
        paths: paths.map((path) => resolve(path)),
        hostname: options.hostname ?? hostname(),
        tags,
        excludes: exclude,
        programVersion: `holdfast ${readVersion()}`,
      },
      signal,
    });
    this.#repository.forgetIndex();
    return outcome;
  }

  /** All snapshots that the filter lets through, oldest first. */
  async snapshots(filter: SnapshotFilter = everySnapshot, { signal }: CallOptions = {}): Promise<StoredSnapshot[]> {
    const selected = await this.#repository.snapshots.select([], filter, { signal });
    return selected.map((found) => {
      if (found.snapshot === undefined) throw found.error;
      return found.snapshot;
    });
  }

  /**
   * Writes a snapshot's files into a folder. Look at `failureCount`: only 0 is success.
   * @param reference an id, its first digits, or `latest`; with `:folder` behind it only that folder
   */
  async restore(reference: string, options: LibraryRestoreOptions): Promise<RestoreSummary> {
    const { snapshot, subfolder } = await this.#repository.snapshots.find(reference, everySnapshot, { signal: options.signal });
    await using _lock = await this.#repository.lock({ isExclusive: false, signal: options.signal, events: this.#events });
    return await restore(this.#repository, { ...options, snapshot, subfolder, events: this.#events });
  }

  /** Looks for errors; with `readData` in every byte. The report says what was found: `errorCount` 0 is success. */
  async check({ readData = false, signal }: CallOptions & { readonly readData?: boolean } = {}): Promise<CheckReport> {
    await using _lock = await this.#repository.lock({ isExclusive: false, signal, events: this.#events });
    return await checkRepository(this.#repository, { readData, signal, events: this.#events });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#repository.close();
  }
}
