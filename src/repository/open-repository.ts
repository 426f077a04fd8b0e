/** From a backend and a password to a repository whose files can be read. */
import { throwIfCancelled } from '../base/cancellation.ts';
import { systemRandomness } from '../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { type EventSink, ignoreEvents } from '../base/events.ts';
import type { KeyId } from '../base/ids.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import type { KeyFile } from '../format/key-file.ts';
import { type Backend, configFile, missingRepositoryError } from '../storage/backend.ts';
import { mapConcurrently } from './concurrency.ts';
import { damagedFile, loadingFile } from './damaged-file.ts';
import { loadKeyFile, openKeyFile, type Password } from './key-files.ts';
import { maxConfigBytes, openConfig, type RepositoryConfig } from './repository-config.ts';

/** A repository with its secrets out: what the other parts work on. Plain data; it may be sent to a worker but for the backend. */
export interface OpenRepository {
  readonly backend: Backend;
  readonly config: RepositoryConfig;
  /** The key that the password opened. */
  readonly keyId: KeyId;
  readonly masterKey: MasterKey;
}

export interface OpenOptions {
  /** Asked for only when the repository is there; its files are read meanwhile. */
  readonly password: Password | (() => Promise<Password>);
  /** First digits of the key to try before all others. */
  readonly keyHint?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly events?: EventSink;
}

/** As restic: each key tried costs up to half a second, and more keys in one repository are more likely an attack or an accident. */
const maxKeysTried = 20;

/**
 * @throws HoldfastError `repository-missing`, `wrong-password`, `damaged` naming the file (the config, or keys of which none opens),
 *   `repository-unsupported`, `cancelled`, errors of the storage
 */
export async function openRepository(backend: Backend, options: OpenOptions): Promise<OpenRepository> {
  const { signal, events = ignoreEvents } = options;
  await backend.open({ signal });
  const reading = Promise.all([loadConfig(backend, signal), loadCandidates(backend, options.keyHint, signal)]);
  const [[sealedConfig, candidates], password] = await Promise.all([reading, askPassword(options.password)]);
  const opened = await tryKeys(candidates, password, sealedConfig, signal);
  for (const { error } of candidates.keys) {
    if (error !== undefined) events({ kind: 'warning', message: `${error.message}; another key opened the repository` });
  }
  return { backend, ...opened };
}

type Candidate =
  | { readonly id: KeyId; readonly key: KeyFile; readonly error?: undefined }
  | { readonly id: KeyId; readonly key?: undefined; readonly error: HoldfastError };

interface Candidates {
  /** In the order of trying. */
  readonly keys: readonly Candidate[];
  readonly totalCount: number;
}

async function loadConfig(backend: Backend, signal: AbortSignal | undefined): Promise<Buffer> {
  try {
    return await loadingFile(configFile, () => backend.load(configFile, { maxBytes: maxConfigBytes, signal }));
  } catch (error) {
    throw error instanceof HoldfastError && error.code === 'storage-missing' ? missingRepositoryError(backend.location, error) : error;
  }
}

async function loadCandidates(backend: Backend, hint: string | undefined, signal: AbortSignal | undefined): Promise<Candidates> {
  const ids = (await Array.fromAsync(backend.list('key', { signal }))).map(({ name }) => name as KeyId);
  const hinted = hint === undefined || hint === '' ? [] : ids.filter((id) => id.startsWith(hint));
  // A hint that names no key, or several, helps nobody: as in restic it is passed over.
  const first = hinted.length === 1 ? hinted : [];
  const others = ids.filter((id) => !first.includes(id)).slice(0, maxKeysTried);
  const keys = await mapConcurrently([...first, ...others], (id) => loadCandidate(backend, id, signal), signal);
  return { keys: keys.filter((key) => key !== undefined), totalCount: ids.length };
}

/** Undefined for a key that was removed meanwhile. */
async function loadCandidate(backend: Backend, id: KeyId, signal: AbortSignal | undefined): Promise<Candidate | undefined> {
  try {
    return { id, key: await loadKeyFile(backend, id, { signal }) };
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code === 'damaged' || error.code === 'repository-unsupported') return { id, error };
    if (error.code === 'storage-missing') return undefined;
    throw error;
  }
}

async function askPassword(password: OpenOptions['password']): Promise<Password> {
  return typeof password === 'function' ? await password() : password;
}

type Opened = Pick<OpenRepository, 'config' | 'keyId' | 'masterKey'>;

async function tryKeys(candidates: Candidates, password: Password, sealedConfig: Buffer, signal: AbortSignal | undefined): Promise<Opened> {
  if (candidates.keys.length === 0) throw noKeys();
  const strangers: KeyId[] = [];
  for (const { id, key } of candidates.keys) {
    throwIfCancelled(signal);
    const masterKey = key === undefined ? undefined : await openKeyFile(id, key, password);
    if (masterKey === undefined) continue;
    const config = openConfig(sealedConfig, masterKey, systemRandomness);
    if (config !== undefined) return { config, keyId: id, masterKey };
    // Left behind by a creation that was killed, before another one made this repository: the right key may follow.
    strangers.push(id);
  }
  throw whyNoneOpens(candidates, strangers);
}

function whyNoneOpens({ keys, totalCount }: Candidates, strangers: readonly KeyId[]): HoldfastError {
  if (strangers[0] !== undefined) {
    return damagedFile(configFile, new HoldfastError('damaged', `it is not sealed with the master key in key ${strangers[0]}`));
  }
  const unusable = keys.flatMap(({ id, error }) => (error === undefined ? [] : [{ id, error }]));
  const first = unusable[0];
  if (first !== undefined) return unusableKeys(first.error, unusable.length);
  const tried = keys.length < totalCount ? `none of the first ${keys.length} of ${totalCount} keys` : 'no key of the repository';
  return new HoldfastError('wrong-password', `${tried} opens with that password`, {
    hint:
      keys.length < totalCount
        ? 'Name the right key with --key-hint, or check the password.'
        : 'Check the password, and that this is the right repository.',
    context: { keysTried: keys.length, keyCount: totalCount },
  });
}

/** With a damaged key about, the password may well be right: this must not be taken for a wrong password. */
function unusableKeys(error: HoldfastError, count: number): HoldfastError {
  const more = count === 1 ? '' : ` (and ${count - 1} more)`;
  return new HoldfastError(error.code, `${error.message}${more}; no other key opens with that password`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    context: error.context,
    cause: error,
  });
}

function noKeys(): HoldfastError {
  return new HoldfastError('damaged', 'the repository has no key file, so nothing in it can be read', {
    hint: 'Restore the folder keys from a copy of the repository.',
  });
}
