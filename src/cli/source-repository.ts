/** The second repository of a command, the one that something is taken from: options and variables with `from` in their names. */
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import type { Repository } from '../repository/repository.ts';
import type { CommandContext } from './commands/command.ts';
import { chooseOne } from './options/choose-one.ts';
import { type OptionTable, type ValueOrigin, type Values, valueOrigin } from './options/option.ts';
import { lockRepository, openRepository, type RepositorySession } from './repository-session.ts';

export const sourceOptions = {
  'from-repo': { kind: 'text', valueName: 'LOCATION', env: 'FROM_REPOSITORY', description: 'where the source repository is' },
  'from-repository-file': {
    kind: 'text',
    valueName: 'FILE',
    env: 'FROM_REPOSITORY_FILE',
    description: 'read the location of the source repository from a file',
  },
  'from-password-file': {
    kind: 'text',
    valueName: 'FILE',
    env: 'FROM_PASSWORD_FILE',
    description: 'read the password of the source repository from a file',
  },
  'from-password-command': {
    kind: 'text',
    valueName: 'COMMAND',
    env: 'FROM_PASSWORD_COMMAND',
    description: 'run a program that prints the password of the source repository',
  },
  'from-insecure-no-password': { kind: 'flag', description: 'the source repository has an empty password' },
  'from-key-hint': { kind: 'text', valueName: 'ID', env: 'FROM_KEY_HINT', description: 'try this key of the source repository first' },
} as const satisfies OptionTable;

export type SourceValues = Values<typeof sourceOptions>;

const question = 'enter password for source repository: ';

/** Whether options name a source. A variable is no order for this one command. */
export function isSourceTyped({ origins }: CommandContext): boolean {
  return Object.keys(sourceOptions).some((name) => origins.get(name) === valueOrigin.commandLine);
}

/** Opens the source without a lock, for what never changes in a repository. */
export async function withUnlockedSource<T>(
  context: CommandContext,
  values: SourceValues,
  use: (session: RepositorySession) => Promise<T>,
): Promise<T> {
  await using repository = await openSource(sourceContext(context, values));
  return await use({ repository, signal: context.signal });
}

/** Opens the source, and locks it unless --no-lock. @throws HoldfastError as withRepository, `usage` when nothing names the source */
export async function withSource<T>(
  context: CommandContext,
  values: SourceValues,
  use: (session: RepositorySession) => Promise<T>,
): Promise<T> {
  const from = sourceContext(context, values);
  await using repository = await openSource(from);
  if (context.globals['no-lock']) return await use({ repository, signal: context.signal });
  await using lock = await lockRepository(from, repository, false);
  return await use({ repository, signal: AbortSignal.any([context.signal, lock.lost]) });
}

/** Whatever goes wrong must not be taken for a fault of the other repository. */
async function openSource(context: CommandContext): Promise<Repository> {
  try {
    return await openRepository(context, 'usual', question);
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code === 'cancelled' || error.code === 'internal') throw error;
    throw new HoldfastError(error.code, `the source repository cannot be opened: ${inSourceWords(error.message)}`, {
      ...(error.hint === undefined ? {} : { hint: inSourceWords(error.hint) }),
      context: error.context,
      cause: error,
    });
  }
}

/** What is called --password-file for the other repository is --from-password-file here. */
function inSourceWords(text: string): string {
  return text.replace(/--(?=(?:repo|repository-file|password-file|password-command|insecure-no-password|key-hint)\b)/gu, '--from-');
}

/** The context in which the source is the repository. */
function sourceContext(context: CommandContext, values: SourceValues): CommandContext {
  assertUsable(context, values);
  return {
    ...context,
    globals: {
      ...context.globals,
      repo: values['from-repo'],
      'repository-file': values['from-repository-file'],
      'password-file': values['from-password-file'],
      'password-command': values['from-password-command'],
      'insecure-no-password': values['from-insecure-no-password'],
      'key-hint': values['from-key-hint'],
    },
    origins: sourceOrigins(context.origins),
    environment: context.environment.forSource(),
  };
}

function sourceOrigins(origins: ReadonlyMap<string, ValueOrigin>): Map<string, ValueOrigin> {
  const changed = new Map(origins);
  for (const name of Object.keys(sourceOptions)) changed.set(name.slice('from-'.length), origins.get(name) ?? valueOrigin.none);
  return changed;
}

/** Here the options can still be called by their names. */
function assertUsable({ origins, environment }: CommandContext, values: SourceValues): void {
  if (chooseOne(values, origins, ['from-repo', 'from-repository-file']) === undefined) {
    throw new HoldfastError('usage', 'no source repository is named', { hint: 'Use --from-repo, or set HOLDFAST_FROM_REPOSITORY.' });
  }
  const password = chooseOne(values, origins, ['from-password-command', 'from-password-file']);
  if (!values['from-insecure-no-password'] || (password === undefined && environment.find('FROM_PASSWORD') === undefined)) return;
  throw new HoldfastError('usage', '--from-insecure-no-password contradicts the password that options or variables give', {
    hint: 'Remove one of the two.',
  });
}
