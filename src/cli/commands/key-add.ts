import { withRepository } from '../repository-session.ts';
import { newKeyOptions, readNewPassword } from '../password/new-password.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const keyAdd = defineCommand({
  synopsis: '[OPTION...]',
  details: ['Adds a password: a new key that opens the same repository. It is asked for at the terminal, or read from a file.'],
  options: newKeyOptions,
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    await withRepository(context, 'shared', async ({ repository, signal }) => {
      const password = await readNewPassword(context, values);
      const id = await repository.addKey({ password, username: values.user, hostname: values.host, clock: context.clock, signal });
      if (context.output.isJson) context.output.json({ message_type: 'key_added', id });
      else context.output.say(`saved new key with ID ${id}`);
    });
    return 0;
  },
});
