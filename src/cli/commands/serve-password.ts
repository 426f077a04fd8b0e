import { hashPassword } from '../../crypto/password-hash.ts';
import { HoldfastError } from '../../base/errors.ts';
import { askNewPassword, passwordFromFile } from '../password/password.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const servePassword = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Makes the hash of a password for the file of clients of holdfast serve (argon2id). The password is asked for at the terminal, read from a file, or the first line of standard input; nobody can tell it from the hash.',
  ],
  examples: ['holdfast serve password', 'pass show backup/alice | holdfast serve password'],
  options: {
    'new-password-file': { kind: 'text', valueName: 'FILE', description: 'read the password from a file' },
  },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    const file = values['new-password-file'];
    const password =
      file === undefined
        ? await askNewPassword(context, 'enter password of the client: ')
        : await passwordFromFile(file, '--new-password-file');
    if (password === '') throw new HoldfastError('usage', 'the password is empty', { hint: 'Give a password that is hard to guess.' });
    const hash = await hashPassword(password);
    if (context.output.isJson) context.output.json({ message_type: 'password_hash', hash });
    else context.output.line(hash);
    return 0;
  },
});
