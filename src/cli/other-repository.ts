/** A second repository of a command: the same options and variables with a word in front of their names, as in `--from-repo`. */
import { HoldfastError } from '../base/errors.ts';
import type { CommandContext } from './commands/command.ts';
import { chooseOne } from './options/choose-one.ts';
import { type ValueOrigin, valueOrigin } from './options/option.ts';

export type OtherPrefix = 'from' | 'fallback';

/** What the options of a second repository say, without the word in front. */
export interface OtherValues {
  readonly repo: string | undefined;
  readonly 'repository-file': string | undefined;
  readonly 'password-file': string | undefined;
  readonly 'password-command': string | undefined;
  readonly 'insecure-no-password': boolean;
  readonly 'key-hint': string | undefined;
}

const names = ['repo', 'repository-file', 'password-file', 'password-command', 'insecure-no-password', 'key-hint'] as const;

/** The context in which the second repository is the repository. @throws HoldfastError `usage` where passwords contradict each other */
export function otherContext(context: CommandContext, prefix: OtherPrefix, values: OtherValues): CommandContext {
  assertOnePassword(context, prefix, values);
  return {
    ...context,
    globals: { ...context.globals, ...values },
    origins: otherOrigins(context.origins, prefix),
    environment: context.environment.forOther(prefix),
  };
}

/** Which option or variable names the place; undefined for none. @throws HoldfastError `usage` for two of them */
export function chooseOther({ origins }: CommandContext, prefix: OtherPrefix, values: OtherValues) {
  const named = { [`${prefix}-repo`]: values.repo, [`${prefix}-repository-file`]: values['repository-file'] };
  return chooseOne(named, origins, Object.keys(named));
}

function otherOrigins(origins: ReadonlyMap<string, ValueOrigin>, prefix: OtherPrefix): Map<string, ValueOrigin> {
  const changed = new Map(origins);
  for (const name of names) changed.set(name, origins.get(`${prefix}-${name}`) ?? valueOrigin.none);
  return changed;
}

/** Here the options can still be called by their names. */
function assertOnePassword({ origins, environment }: CommandContext, prefix: OtherPrefix, values: OtherValues): void {
  const named = { [`${prefix}-password-command`]: values['password-command'], [`${prefix}-password-file`]: values['password-file'] };
  const password = chooseOne(named, origins, Object.keys(named));
  if (!values['insecure-no-password']) return;
  if (password === undefined && environment.find(`${prefix.toUpperCase()}_PASSWORD`) === undefined) return;
  throw new HoldfastError('usage', `--${prefix}-insecure-no-password contradicts the password that options or variables give`, {
    hint: 'Remove one of the two.',
  });
}

/** What is called --password-file for the first repository has a word in front here. */
export function inOtherWords(text: string, prefix: OtherPrefix): string {
  return text.replace(/--(?=(?:repo|repository-file|password-file|password-command|insecure-no-password|key-hint)\b)/gu, `--${prefix}-`);
}
