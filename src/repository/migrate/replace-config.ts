/**
 * Replaces the config of a repository by one of another version.
 *
 * Without its config a repository cannot be opened, and nothing else holds the polynomial. So: (1) the old one is copied to a folder of
 * this machine, durably; (2) the new one is sealed, and opened again to see that it can be; (3) it takes the old one's place in one step, as
 * the contract of backends demands; (4) it is read back. Killed before 3 the old one is there, after it the new one. Only when the
 * config that is found is neither of the two is the old one put back, and the copy of 1 stays for the worst case.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { type Backend, configFile } from '../../storage/backend.ts';
import { damagedFile } from '../damaged-file.ts';
import { maxConfigBytes, openConfig, type RepositoryConfig, sealConfig } from '../repository-config.ts';

export interface ConfigReplacement {
  readonly backend: Backend;
  readonly masterKey: MasterKey;
  /** Above the folder that holds the copy while it is needed. */
  readonly folder?: string;
}

/**
 * The caller holds an exclusive lock.
 * @throws HoldfastError; the message says which config is there, and where the copy is when it is needed
 */
export async function replaceConfig(place: ConfigReplacement, change: (config: RepositoryConfig) => RepositoryConfig): Promise<void> {
  const { backend, masterKey } = place;
  const old = await backend.load(configFile, { maxBytes: maxConfigBytes });
  const config = openConfig(old, masterKey, systemRandomness);
  if (config === undefined)
    throw damagedFile(configFile, new HoldfastError('damaged', 'it is not sealed with the master key of the repository'));
  const sealed = sealConfig(change(config), masterKey, systemRandomness);
  if (!isSame(openConfig(sealed, masterKey, systemRandomness), change(config))) {
    throw new HoldfastError('internal', 'the new config changed while it was sealed, and was not stored', {
      hint: 'This happens when the memory or the processor of this machine is faulty: test them.',
    });
  }
  await using copy = await ConfigCopy.write(place.folder ?? tmpdir(), old);
  const failure = await tryReplace(backend, sealed);
  await settle(backend, { old, sealed, copy, failure });
}

async function tryReplace(backend: Backend, sealed: Buffer): Promise<HoldfastError | undefined> {
  try {
    // Without a signal: a replacement that has begun is better finished.
    await backend.save(configFile, sealed, { replacesConfig: true });
    return undefined;
  } catch (error) {
    return asHoldfastError(error);
  }
}

interface Attempt {
  readonly old: Buffer;
  readonly sealed: Buffer;
  readonly copy: ConfigCopy;
  readonly failure: HoldfastError | undefined;
}

/** What counts is the config that is found, not what the call said. */
async function settle(backend: Backend, { old, sealed, copy, failure }: Attempt): Promise<void> {
  const found = await tryLoad(backend);
  if (found instanceof Buffer && found.equals(sealed)) return;
  if (found instanceof Buffer && found.equals(old)) throw notReplaced('the old config is still there, and nothing has changed', failure);
  try {
    await backend.save(configFile, old, { replacesConfig: true });
    const again = await backend.load(configFile, { maxBytes: maxConfigBytes, isFresh: true });
    if (!again.equals(old)) throw new HoldfastError('damaged', 'what is read back differs');
  } catch (error) {
    copy.keep();
    const advice = `Put ${copy.path} back as the file config of the repository before anything else.`;
    throw notReplaced(`and the old one could not be put back (${asHoldfastError(error).message})`, failure, advice);
  }
  throw notReplaced('the old config was put back, and nothing has changed', failure);
}

async function tryLoad(backend: Backend): Promise<Buffer | undefined> {
  try {
    return await backend.load(configFile, { maxBytes: maxConfigBytes, isFresh: true });
  } catch {
    return undefined;
  }
}

function notReplaced(state: string, failure: HoldfastError | undefined, hint?: string): HoldfastError {
  const reason = failure?.message ?? 'what was read back differs from what was written';
  return new HoldfastError(failure?.code ?? 'storage-failed', `the config was not replaced (${reason}); ${state}`, {
    hint: hint ?? failure?.hint ?? 'Check the storage, then run the command again.',
    cause: failure,
  });
}

function isSame(one: RepositoryConfig | undefined, other: RepositoryConfig): boolean {
  return one?.version === other.version && one.id === other.id && one.polynomial === other.polynomial;
}

/** A copy of a config on this machine: it is sealed, and of no use without the password. */
class ConfigCopy implements AsyncDisposable {
  readonly path: string;
  readonly #folder: string;
  #isKept = false;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'config');
  }

  static async write(parent: string, bytes: Buffer): Promise<ConfigCopy> {
    try {
      const copy = new ConfigCopy(await mkdtemp(join(parent, 'holdfast-config-')));
      const handle = await open(copy.path, 'wx', 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      return copy;
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  keep(): void {
    this.#isKept = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isKept) await rm(this.#folder, { recursive: true, force: true });
  }
}
