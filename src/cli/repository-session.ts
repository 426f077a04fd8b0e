/** Opens the repository that options and variables name, locks it, and takes the lock away again, whatever happens. */
import { useBackend } from '../app/open-backend.ts';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { returnFreedMemory } from '../base/freed-memory.ts';
import type { BlobId } from '../base/ids.ts';
import type { Lock } from '../repository/lock/lock.ts';
import type { OpenRepository } from '../repository/open-repository.ts';
import { Repository } from '../repository/repository.ts';
import type { TreeSource } from '../repository/tree/tree-source.ts';
import { readListFile } from '../selection/pattern-file.ts';
import { decodeTextFile, trimSpace } from '../selection/text-file.ts';
import type { BlobType, IndexTable } from '../workers/index-table.ts';
import { type CacheUse, putCacheInFront } from './cache-use.ts';
import type { CommandContext } from './commands/command.ts';
import { chooseOne } from './options/choose-one.ts';
import { configuredPassword, readPassword } from './password/password.ts';
import { storageOptions } from './storage-options.ts';

/** shared: beside other readers and backups · exclusive: alone · none: for what writes nothing anyway */
export type LockMode = 'shared' | 'exclusive' | 'none';

export interface RepositorySession {
  readonly repository: Repository;
  /** Fires on a signal of the system, and when the lock is lost: then nothing may be written any more. */
  readonly signal: AbortSignal;
}

/** A person at a terminal may mistype. */
const passwordTries = 3;

export async function withRepository<T>(
  context: CommandContext,
  mode: LockMode,
  use: (session: RepositorySession) => Promise<T>,
  cacheUse?: CacheUse,
): Promise<T> {
  await using repository = await openRepository(context, cacheUse);
  return await withLock(context, repository, mode, use);
}

/** For a part of a command: the lock is gone at its end, and the repository stays open. */
export async function withLock<T>(
  context: CommandContext,
  repository: Repository,
  mode: LockMode,
  use: (session: RepositorySession) => Promise<T>,
): Promise<T> {
  if (mode === 'none') return await use({ repository, signal: context.signal });
  await using lock = await lockRepository(context, repository, mode === 'exclusive');
  return await use({ repository, signal: AbortSignal.any([context.signal, lock.lost]) });
}

/** For commands that only read: a lock unless --no-lock. */
export async function withReadLock<T>(
  context: CommandContext,
  use: (session: RepositorySession) => Promise<T>,
  cacheUse?: CacheUse,
): Promise<T> {
  await using repository = await openRepository(context, cacheUse);
  return await readUnderLock(context, repository, use);
}

/**
 * A part of a command that only reads, under a lock unless --no-lock. It begins as soon as the lock's file is there; whether another
 * process got in at the same moment shows 0.2 s later, and then ends the reading and the command.
 */
export async function readUnderLock<T>(
  context: CommandContext,
  repository: Repository,
  use: (session: RepositorySession) => Promise<T>,
): Promise<T> {
  const { globals } = context;
  // Where others are waited for, a first attempt may fail, and what it read may have changed until the next.
  if (globals['no-lock'] || globals['retry-lock']) return await withLock(context, repository, globals['no-lock'] ? 'none' : 'shared', use);
  const written = Promise.withResolvers<void>();
  const ended = new AbortController();
  const locking = lockRepository(context, repository, false, written.resolve);
  locking.then(
    ({ lost }) => lost.addEventListener('abort', () => ended.abort(lost.reason), { once: true }),
    (error: unknown) => ended.abort(error),
  );
  try {
    await Promise.race([written.promise, locking]);
    const result = await use({ repository, signal: AbortSignal.any([context.signal, ended.signal]) });
    await locking;
    return result;
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error;
  } finally {
    await locking.then(
      (lock) => lock.release(),
      () => {},
    );
  }
}

/** A repository whose index is loaded, with the session's signal in every call. */
export interface RepositoryReader extends TreeSource {
  readonly index: IndexTable;
  loadBlob(type: BlobType, id: BlobId): Promise<Buffer>;
}

/** For commands that look into trees. Find the snapshots before: one written meanwhile would refer to what this index does not know. */
export async function openReader({ repository, signal }: RepositorySession): Promise<RepositoryReader> {
  return {
    index: await repository.loadIndex({ signal }),
    loadTree: (id) => repository.loadTree(id, { signal }),
    loadBlob: (type, id) => repository.loadBlob(type, id, { signal }),
  };
}

export async function openRepository(
  context: CommandContext,
  cacheUse: CacheUse = 'usual',
  question = 'enter password for repository: ',
): Promise<Repository> {
  returnFreedMemory();
  const location = await readLocation(context);
  const isTyped = context.stdin.isTTY && (await configuredPassword(context)) === undefined;
  for (let triesLeft = isTyped ? passwordTries : 1; ; triesLeft--) {
    try {
      return await openOnce(context, location, cacheUse, question);
    } catch (error) {
      if (triesLeft <= 1 || !(error instanceof HoldfastError) || error.code !== 'wrong-password') throw error;
      context.output.complain(`${error.message}, try again`);
    }
  }
}

async function openOnce(context: CommandContext, location: string, cacheUse: CacheUse, question: string): Promise<Repository> {
  const { signal, clock, events, globals } = context;
  const password = () => readPassword(context, question);
  const inFront = (opened: OpenRepository) => putCacheInFront(context, opened, cacheUse);
  return await useBackend(location, storageOptions(context), (backend) =>
    Repository.open(backend, { password, keyHint: globals['key-hint'], signal, clock, events, inFront }),
  );
}

export async function lockRepository(
  context: CommandContext,
  repository: Repository,
  isExclusive: boolean,
  onWritten?: () => void,
): Promise<Lock> {
  try {
    return await repository.lock({
      isExclusive,
      retryLockMs: context.globals['retry-lock'] ?? 0,
      signal: context.signal,
      events: context.events,
      ...(onWritten === undefined ? {} : { onWritten }),
    });
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code !== 'storage-denied') throw error;
    const hint = 'To read a repository that cannot be written, add --no-lock.';
    throw new HoldfastError(error.code, `the repository cannot be locked: ${error.message}`, {
      hint,
      context: error.context,
      cause: error,
    });
  }
}

/** @throws HoldfastError `usage` when nothing names the repository */
export async function readLocation({ globals, origins }: CommandContext): Promise<string> {
  const chosen = chooseOne(globals, origins, ['repo', 'repository-file']);
  if (chosen?.name === 'repo') return chosen.value;
  const location = chosen === undefined ? '' : await readLocationFile(chosen.value);
  if (location !== '') return location;
  throw new HoldfastError('usage', 'no repository is named', { hint: 'Use --repo, or set HOLDFAST_REPOSITORY.' });
}

async function readLocationFile(path: string): Promise<string> {
  return trimSpace(decodeTextFile(await readListFile(path, '--repository-file')).toString('utf8'));
}
