/** Changes of a repository's format that can be asked for. */
import type { MasterKey } from '../../crypto/master-key.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { Backend } from '../../storage/backend.ts';
import type { RepositoryConfig } from '../repository-config.ts';
import { replaceConfig } from './replace-config.ts';

/** What a migration needs of a repository: the Repository facade has it. */
export interface MigratedRepository {
  readonly backend: Backend;
  readonly masterKey: MasterKey;
  readonly config: RepositoryConfig;
}

export interface Migration {
  /** restic's name for it. */
  readonly name: string;
  readonly description: string;
  /** Why it cannot be applied, or has nothing to do; undefined when it can be applied. */
  obstacle(config: RepositoryConfig): string | undefined;
  /** The repository is locked for this process alone, and was checked. @throws HoldfastError; then nothing has changed, or it says what has */
  apply(repository: MigratedRepository): Promise<void>;
}

const upgradeToVersion2: Migration = {
  name: 'upgrade_repo_v2',
  description: 'upgrade the repository from format version 1 to 2, which has compression',
  obstacle: ({ version }) => (version === 1 ? undefined : `the repository has format version ${version} already`),
  // Whatever is stored in version 1 is right in version 2 as it is: only what is written from now on is compressed.
  apply: ({ backend, masterKey }) => replaceConfig({ backend, masterKey }, (config) => ({ ...config, version: 2 })),
};

export const migrations: readonly Migration[] = [upgradeToVersion2];

/** @throws HoldfastError `usage` for a name that is not known */
export function findMigration(name: string): Migration {
  const found = migrations.find((migration) => migration.name === name);
  if (found !== undefined) return found;
  throw new HoldfastError('usage', `there is no migration ${JSON.stringify(name)}`, {
    hint: `Known are: ${migrations.map((migration) => migration.name).join(', ')}.`,
  });
}
