/** The password that `key add` and `key passwd` set. */
import { HoldfastError } from '../../base/errors.ts';
import type { CommandContext } from '../commands/command.ts';
import type { OptionTable, Values } from '../options/option.ts';
import { askNewPassword, passwordFromFile } from './password.ts';

export const newKeyOptions = {
  'new-password-file': { kind: 'text', valueName: 'FILE', description: 'read the new password from a file' },
  'new-insecure-no-password': { kind: 'flag', description: 'the new password is empty' },
  user: { kind: 'text', valueName: 'NAME', description: 'user name noted with the key (default: yours)' },
  host: { kind: 'text', valueName: 'NAME', description: 'host name noted with the key (default: that of this machine)' },
} as const satisfies OptionTable;

export async function readNewPassword(context: CommandContext, values: Values<typeof newKeyOptions>): Promise<string> {
  const file = values['new-password-file'];
  if (values['new-insecure-no-password']) {
    if (file === undefined) return '';
    throw new HoldfastError('usage', '--new-insecure-no-password and --new-password-file contradict each other', {
      hint: 'Give one of them.',
    });
  }
  if (file === undefined) return await askNewPassword(context, 'enter new password: ');
  const password = await passwordFromFile(file, '--new-password-file');
  if (password !== '') return password;
  throw new HoldfastError('usage', `the new password in ${file} is empty`, { hint: 'Use --new-insecure-no-password if that is meant.' });
}
