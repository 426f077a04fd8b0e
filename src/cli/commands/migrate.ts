import { HoldfastError } from '../../base/errors.ts';
import { checkRepository } from '../../repository/check/check-repository.ts';
import { findMigration, type Migration, migrations } from '../../repository/migrate/migrations.ts';
import { count } from '../render/format.ts';
import { type RepositorySession, withRepository } from '../repository-session.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const migrate = defineCommand({
  synopsis: '[OPTION...] [MIGRATION...]',
  details: [
    'Changes the format of the repository. Without arguments it lists the migrations that can be applied.',
    'upgrade_repo_v2 makes a repository of format version 1 one of version 2, which has compression. The repository is checked first, and must be whole. What is stored stays as it is; what is written afterwards is compressed. Programs that know only version 1 (restic before 0.14) cannot open it any more.',
    'Nobody else may use the repository meanwhile.',
  ],
  examples: ['holdfast migrate upgrade_repo_v2'],
  options: { force: { kind: 'flag', short: 'f', description: 'accepted for scripts made for restic; nothing is applied twice' } },
  async run(context, _values, positionals) {
    const wanted = positionals.map(findMigration);
    if (wanted.length === 0)
      await withRepository(context, context.globals['no-lock'] ? 'none' : 'shared', async (session) => list(context, session));
    else {
      await withRepository(context, 'exclusive', async (session) => {
        for (const migration of wanted) await applyMigration(context, session, migration);
      });
    }
    return 0;
  },
});

function list({ output }: CommandContext, { repository }: RepositorySession): void {
  const available = migrations.filter((migration) => migration.obstacle(repository.config) === undefined);
  if (output.isJson) {
    output.json({ message_type: 'migrations', migrations: available.map(({ name, description }) => ({ name, description })) });
    return;
  }
  for (const { name, description } of available) output.line(`${name}  ${description}`);
  if (available.length === 0) output.say('there is nothing to migrate');
}

async function applyMigration(context: CommandContext, session: RepositorySession, migration: Migration): Promise<void> {
  const { output } = context;
  const { repository } = session;
  const obstacle = migration.obstacle(repository.config);
  if (obstacle !== undefined) {
    if (output.isJson) output.json({ message_type: 'migration_skipped', name: migration.name, reason: obstacle });
    else output.say(`${migration.name}: nothing to do, ${obstacle}`);
    return;
  }
  await assertWhole(context, session);
  await migration.apply(repository);
  if (output.isJson) output.json({ message_type: 'migration_applied', name: migration.name });
  else output.say(`${migration.name}: done`);
}

/** What is damaged is repaired before the format changes, with the programs that wrote it. */
async function assertWhole(
  { output, events, clock, endProgress }: CommandContext,
  { repository, signal }: RepositorySession,
): Promise<void> {
  output.say('checking the repository');
  const { errorCount } = await checkRepository(repository, { readData: false, signal, events, clock });
  endProgress();
  if (errorCount === 0) return;
  throw new HoldfastError('check-failed', `the repository has ${count(errorCount, 'error')}, and was not changed`, {
    hint: 'The errors above say what is wrong. Repair it first.',
  });
}
