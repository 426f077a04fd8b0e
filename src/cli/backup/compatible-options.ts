/** Combinations of options that contradict each other, found before anything is opened. */
import { HoldfastError } from '../../base/errors.ts';
import type { CommandContext } from '../commands/command.ts';
import { configuredPassword } from '../password/password.ts';
import { parseGrouping } from '../snapshot-groups.ts';
import type { BackupValues } from './backup-options.ts';

const listOptions = ['files-from', 'files-from-verbatim', 'files-from-raw'] as const;

/** @throws HoldfastError `usage` naming the options */
export async function assertCompatible(context: CommandContext, values: BackupValues, positionals: readonly string[]): Promise<void> {
  parseGrouping(values['group-by'] ?? '');
  if (values.stdin && values['stdin-from-command']) throw contradiction('--stdin', '--stdin-from-command');
  const stream = values.stdin ? '--stdin' : '--stdin-from-command';
  const list = listOptions.find((name) => values[name].length > 0);
  if ((values.stdin || values['stdin-from-command']) && list !== undefined) throw contradiction(stream, `--${list}`);
  if (values.stdin && positionals.length > 0) throw contradiction('--stdin', 'a path');
  const readsInput = values.stdin || listOptions.some((name) => values[name].includes('-'));
  if (!readsInput || context.stdin.isTTY || (await configuredPassword(context)) !== undefined) return;
  throw new HoldfastError('usage', 'standard input cannot hold both the password and what is to be saved', {
    hint: 'Use --password-file, --password-command, or HOLDFAST_PASSWORD.',
  });
}

function contradiction(one: string, other: string): HoldfastError {
  return new HoldfastError('usage', `${one} and ${other} contradict each other`, { hint: 'Give one of them.' });
}
