/** The passwords of a repository: one key file each, all holding the same master key. */
import type { Clock, Randomness } from '../base/clock.ts';
import { systemClock, systemRandomness } from '../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import type { KeyId } from '../base/ids.ts';
import type { ScryptCost } from '../crypto/key-derivation.ts';
import type { CallOptions } from '../storage/backend.ts';
import { mapConcurrently } from './concurrency.ts';
import { findByPrefix, notFound } from './find-by-prefix.ts';
import { loadKeyFile, type Password, saveKeyFile } from './key-files.ts';
import type { OpenRepository } from './open-repository.ts';

export interface ListedKey {
  readonly id: KeyId;
  readonly isCurrent: boolean;
  readonly username: string;
  readonly hostname: string;
  /** RFC 3339, at the offset of the machine that made it. */
  readonly created: string;
}

export interface KeyList {
  /** In the order of their creation. */
  readonly keys: readonly ListedKey[];
  /** Files that cannot be read as keys. */
  readonly damaged: readonly { readonly id: KeyId; readonly error: HoldfastError }[];
}

export interface AddKeyOptions extends CallOptions {
  readonly password: Password;
  readonly username?: string | undefined;
  readonly hostname?: string | undefined;
  readonly scryptCost?: ScryptCost;
  readonly clock?: Clock;
  readonly random?: Randomness;
}

export async function listKeys(repository: OpenRepository, { signal }: CallOptions = {}): Promise<KeyList> {
  const ids = (await Array.fromAsync(repository.backend.list('key', { signal }))).map(({ name }) => name as KeyId);
  const damaged: { id: KeyId; error: HoldfastError }[] = [];
  const found = await mapConcurrently(
    ids,
    async (id) => {
      try {
        const { username, hostname, created } = await loadKeyFile(repository.backend, id, { signal });
        return [{ id, isCurrent: id === repository.keyId, username, hostname, created }];
      } catch (thrown) {
        const error = asHoldfastError(thrown);
        if (error.code !== 'damaged' && error.code !== 'repository-unsupported') throw error;
        damaged.push({ id, error });
        return [];
      }
    },
    signal,
  );
  return { keys: found.flat().sort((a, b) => Date.parse(a.created) - Date.parse(b.created)), damaged };
}

/** Adds a password. Takes 0.5 s: a key derivation. */
export async function addKey(repository: OpenRepository, options: AddKeyOptions): Promise<KeyId> {
  const { clock = systemClock, random = systemRandomness, signal } = options;
  return await saveKeyFile(repository.backend, repository.masterKey, { ...options, clock, random }, { signal });
}

/**
 * Removes a key by its first digits. The current one is refused, and so at least that one, which is known to open, always stays.
 * @throws HoldfastError `usage` for the current key, `not-found`, `ambiguous`
 */
export async function removeKey(repository: OpenRepository, prefix: string, options: CallOptions = {}): Promise<KeyId> {
  const id = await findByPrefix<KeyId>(repository.backend, 'key', prefix, options);
  if (id === repository.keyId) throw currentKey(id);
  if (!(await repository.backend.exists({ kind: 'key', name: id }, options))) throw notFound('key', id);
  await repository.backend.remove({ kind: 'key', name: id }, options);
  return id;
}

/**
 * Replaces the password that opened the repository by another. The new key is durable, and was read back, before the old one goes: a
 * process killed in between leaves both in force.
 * @returns the repository as the new password opens it
 */
export async function changePassword(repository: OpenRepository, options: AddKeyOptions): Promise<OpenRepository> {
  const keyId = await addKey(repository, options);
  await repository.backend.remove({ kind: 'key', name: repository.keyId });
  return { ...repository, keyId };
}

function currentKey(id: KeyId): HoldfastError {
  return new HoldfastError('usage', `key ${id.slice(0, 8)} is the one that opened the repository, and is not removed`, {
    hint: 'Open the repository with another password to remove this key, or change its password.',
    context: { key: id },
  });
}
