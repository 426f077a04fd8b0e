/** The second repository of a command, the one that something is taken from: options and variables with `from` in their names. */
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import type { Repository } from '../repository/repository.ts';
import type { CommandContext } from './commands/command.ts';
import { type OptionTable, type Values, valueOrigin } from './options/option.ts';
import { chooseOther, inOtherWords, otherContext } from './other-repository.ts';
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
    throw new HoldfastError(error.code, `the source repository cannot be opened: ${inOtherWords(error.message, 'from')}`, {
      ...(error.hint === undefined ? {} : { hint: inOtherWords(error.hint, 'from') }),
      context: error.context,
      cause: error,
    });
  }
}

/** The context in which the source is the repository. */
function sourceContext(context: CommandContext, values: SourceValues): CommandContext {
  const other = {
    repo: values['from-repo'],
    'repository-file': values['from-repository-file'],
    'password-file': values['from-password-file'],
    'password-command': values['from-password-command'],
    'insecure-no-password': values['from-insecure-no-password'],
    'key-hint': values['from-key-hint'],
  };
  if (chooseOther(context, 'from', other) === undefined) {
    throw new HoldfastError('usage', 'no source repository is named', { hint: 'Use --from-repo, or set HOLDFAST_FROM_REPOSITORY.' });
  }
  return otherContext(context, 'from', other);
}
