/** A new, empty repository. */
import type { Clock, Randomness } from '../base/clock.ts';
import { systemClock, systemRandomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import type { KeyId } from '../base/ids.ts';
import { checkPolynomial, randomPolynomial } from '../chunker/polynomial.ts';
import type { ScryptCost } from '../crypto/key-derivation.ts';
import { createMasterKey } from '../crypto/master-key.ts';
import { type Backend, configFile, existingRepositoryError } from '../storage/backend.ts';
import { type Password, saveKeyFile } from './key-files.ts';
import type { OpenRepository } from './open-repository.ts';
import { type RepositoryConfig, sealConfig } from './repository-config.ts';

export interface CreateOptions {
  readonly password: Password;
  /** 2, the one with compression, unless told; 1 is for programs that know no other. */
  readonly version?: number | undefined;
  /** Of another repository, so that chunks of both are cut alike and may be copied between them; a random one unless told. */
  readonly polynomial?: bigint | undefined;
  readonly username?: string | undefined;
  readonly hostname?: string | undefined;
  readonly scryptCost?: ScryptCost;
  readonly clock?: Clock;
  readonly random?: Randomness;
  readonly signal?: AbortSignal | undefined;
}

const usualVersion = 2;
const repositoryIdBytes = 32;

/**
 * Creates a repository and gives it opened.
 *
 * The key is written before the config, because a config makes a repository, and one without its key could never be opened. A process
 * killed in between leaves a key alone, in a place that is still no repository: creating again works, and removes that key after the
 * new config is durable. Two that create at once write one key each; the config, which only one can write, decides; the other takes
 * its own key away again.
 *
 * @throws HoldfastError `repository-exists`, also where a repository lost its config; `unsupported` for another version
 */
export async function createRepository(backend: Backend, options: CreateOptions): Promise<OpenRepository> {
  const { clock = systemClock, random = systemRandomness, signal } = options;
  const config = newConfig(options, random);
  await backend.create({ signal });
  await assertHoldsNothing(backend, signal);
  const leftovers = await keysIn(backend, signal);
  const masterKey = createMasterKey(random);
  const keyId = await saveKeyFile(backend, masterKey, { ...options, clock, random }, { signal });
  try {
    // Without the signal: a config that was perhaps written must not lose its key.
    await backend.save(configFile, sealConfig(config, masterKey, random));
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'repository-exists') await backend.remove({ kind: 'key', name: keyId });
    throw error;
  }
  for (const name of leftovers) await backend.remove({ kind: 'key', name });
  return { backend, config, keyId, masterKey };
}

function newConfig({ version = usualVersion, polynomial }: CreateOptions, random: Randomness): RepositoryConfig {
  if (version !== 1 && version !== 2) {
    throw new HoldfastError('unsupported', `repositories of version ${version} are not created here, only of versions 1 and 2`, {
      hint: 'Leave the version out.',
    });
  }
  if (polynomial !== undefined) checkPolynomial(polynomial);
  const id = Buffer.alloc(repositoryIdBytes);
  random.fill(id);
  return { version, id: id.toString('hex'), polynomial: polynomial ?? randomPolynomial(random) };
}

/** Where only the config is lost, a new one would make everything unreadable for good: the data of such a place is not touched. */
async function assertHoldsNothing(backend: Backend, signal: AbortSignal | undefined): Promise<void> {
  for (const kind of ['snapshot', 'index', 'pack'] as const) {
    for await (const { name } of backend.list(kind, { signal })) {
      throw new HoldfastError('repository-exists', `${backend.location} holds files of a repository that has lost its config`, {
        hint: 'Restore its file config from a copy, or choose another place.',
        context: { kind, name },
        cause: existingRepositoryError(backend.location),
      });
    }
  }
}

async function keysIn(backend: Backend, signal: AbortSignal | undefined): Promise<KeyId[]> {
  return (await Array.fromAsync(backend.list('key', { signal }))).map(({ name }) => name as KeyId);
}
