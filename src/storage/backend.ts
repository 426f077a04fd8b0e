/**
 * The contract between the repository and the place that keeps its files.
 *
 * A backend keeps whole named files. It knows nothing of what is in them: no encryption, no format. Every implementation
 * passes the suite in conformance.ts, wrapped ones included.
 *
 * - **Atomicity.** A file is there completely or not at all, also when the process or the machine dies in the middle.
 *   Leftovers of such a death never appear in `list`.
 * - **Durability.** When `save`, `adopt` or `remove` has resolved, the change survives a power cut as far as the storage
 *   can promise that at all. The repository orders its writes by this: packs, then index, then snapshot.
 * - **Idempotence.** Names are digests of content, so saving a file again, or removing one that is gone, succeeds and
 *   changes nothing. Only the config has no digest for a name: saving it where one exists fails, unless it is to be replaced.
 * - **Retry.** A backend does not retry; a wrapper does, and may, because of idempotence. An error says by `isRetryable`
 *   whether trying again can help.
 * - **Concurrency.** Any number of calls may run at once, also on one file, also from other processes.
 * - **Cancellation.** A fired signal ends a call with `cancelled` as soon as possible. A write that was cancelled has
 *   either happened completely or not at all; its caller does not learn which.
 * - **Errors.** HoldfastError only: `storage-missing`, `storage-denied`, `storage-full`, `storage-failed`, `damaged`
 *   (fewer bytes than asked for), `repository-missing`, `repository-exists`, `cancelled`. No message holds a secret.
 */
import { HoldfastError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import type { StorageInspection } from './inspection.ts';

export const fileKinds = ['config', 'key', 'lock', 'snapshot', 'index', 'pack'] as const;
export type FileKind = (typeof fileKinds)[number];

export interface StoredFile {
  readonly kind: FileKind;
  /** An id of 64 lowercase hexadecimal digits; the empty text for the config, of which there is one. */
  readonly name: string;
}

export interface ListedFile {
  readonly name: string;
  readonly sizeBytes: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface LoadOptions extends CallOptions {
  /** First byte wanted; 0 unless told. */
  readonly offset?: number;
  /** Exactly so many bytes; everything from `offset` on unless told. */
  readonly length?: number;
  /** More bytes than this are refused as `damaged` before memory is taken for them. Only for loads without `length`. */
  readonly maxBytes?: number;
  /** A hint: the pack holds trees, of which one is seldom asked for alone. A cache keeps such packs, and no others. */
  readonly holdsTrees?: boolean;
  /** The bytes that came before were wrong: whatever keeps copies on the way must ask the storage itself. */
  readonly isFresh?: boolean;
}

export interface SaveOptions extends CallOptions {
  /** A config takes the place of the one that is there, in one step: at every moment, also after a kill, there is the old or the new one. */
  readonly replacesConfig?: boolean;
}

export interface ListOptions extends CallOptions {
  /** A hint: `sizeBytes` is of no interest and may be 0. Where names are in a folder and sizes with the files, that is ten times quicker. */
  readonly namesOnly?: boolean;
}

export interface AdoptOptions extends CallOptions {
  /** As in LoadOptions. */
  readonly holdsTrees?: boolean;
}

export interface BackendCapabilities {
  /** `pathOf` gives a path that any thread of this machine can open and read. */
  readonly localFiles: boolean;
  /** Of several processes that save a config at once, exactly one succeeds. */
  readonly atomicCreate: boolean;
  /** Everything that writes is refused with `storage-denied`. */
  readonly isReadOnly: boolean;
}

export interface Backend extends AsyncDisposable {
  /** For people: where this is. Holds no password. */
  readonly location: string;
  readonly capabilities: BackendCapabilities;
  /** What the storage can tell beyond its files; absent where it tells nothing. */
  readonly inspection?: StorageInspection | undefined;

  /** Prepares an empty place. Fails with `repository-exists` where there is a config already. */
  create(options?: CallOptions): Promise<void>;
  /** Makes sure that a repository can be reached here. Fails with `repository-missing` where there is no config. */
  open(options?: CallOptions): Promise<void>;

  /** Stores a file. Fails with `repository-exists` for a second config, unless told to replace it. `bytes` must not change until it resolves. */
  save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void>;
  /**
   * Takes over a finished file that somebody wrote into the staging folder and closed: afterwards it is stored as `file`,
   * as durable as by `save`, and gone from the staging folder. It stays there when the call fails.
   */
  adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void>;
  /** Reads a file or a part of it. The buffer is the caller's own. */
  load(file: StoredFile, options?: LoadOptions): Promise<Buffer>;
  stat(file: StoredFile, options?: CallOptions): Promise<{ readonly sizeBytes: number }>;
  exists(file: StoredFile, options?: CallOptions): Promise<boolean>;
  /** All files of a kind, each once. What is written or removed meanwhile may appear or not. Other names are skipped. */
  list(kind: FileKind, options?: ListOptions): AsyncIterable<ListedFile>;
  remove(file: StoredFile, options?: CallOptions): Promise<void>;

  /** Where the file can be opened on this machine; undefined without the capability `localFiles`. It need not exist. */
  pathOf(file: StoredFile): string | undefined;
  /** A folder of this process alone, for files that `adopt` will take over. Names in it are the caller's choice. */
  stagingFolder(options?: CallOptions): Promise<string>;

  /** Gives back what is held, the staging folder and what is left in it included. Further calls are not allowed. */
  close(): Promise<void>;
}

export const configFile: StoredFile = { kind: 'config', name: '' };

/** "snapshot 1f3a…" or "config", for messages. */
export function describeFile(file: StoredFile): string {
  return file.kind === 'config' ? 'the config file' : `${file.kind} ${file.name}`;
}

/** Names become paths and addresses: whatever is no id never gets there. */
export function assertFileName(file: StoredFile): void {
  if (file.kind === 'config' ? file.name === '' : isId(file.name)) return;
  throw new HoldfastError('internal', `a file of the kind ${file.kind} cannot have the name ${JSON.stringify(file.name)}`);
}

export function missingFileError(file: StoredFile, location: string, cause?: unknown): HoldfastError {
  return new HoldfastError('storage-missing', `${describeFile(file)} is not in ${location}`, {
    context: { kind: file.kind, name: file.name },
    cause,
  });
}

export function missingRepositoryError(location: string, cause?: unknown): HoldfastError {
  return new HoldfastError('repository-missing', `there is no repository at ${location}: it has no config file`, {
    hint: 'Check the location, or create a repository there first.',
    context: { location },
    cause,
  });
}

export function existingRepositoryError(location: string): HoldfastError {
  return new HoldfastError('repository-exists', `there is a repository at ${location} already`, {
    hint: 'Choose an empty place, or use the repository that is there.',
    context: { location },
  });
}

export function shortFileError(file: StoredFile, wantedBytes: number, sizeBytes: number): HoldfastError {
  return new HoldfastError('damaged', `${describeFile(file)} has ${sizeBytes} bytes where at least ${wantedBytes} belong`, {
    hint: 'The file was cut short. Run a check of the repository to see what is lost.',
    context: { kind: file.kind, name: file.name },
  });
}

export function oversizedFileError(file: StoredFile, maxBytes: number, sizeBytes: number): HoldfastError {
  return new HoldfastError('damaged', `${describeFile(file)} has ${sizeBytes} bytes, more than the ${maxBytes} that can be right`, {
    context: { kind: file.kind, name: file.name },
  });
}
