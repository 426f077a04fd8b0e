import { newKeyOptions, readNewPassword } from '../password/new-password.ts';
import { withRepository } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const keyPasswd = defineCommand({
  synopsis: '[OPTION...]',
  details: ['Changes the password: adds a key with the new one, then removes the key that opened the repository.'],
  options: newKeyOptions,
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    await withRepository(context, 'exclusive', async ({ repository, signal }) => {
      const password = await readNewPassword(context, values);
      const removed = repository.keyId;
      const id = await repository.changePassword({ password, username: values.user, hostname: values.host, clock: context.clock, signal });
      if (context.output.isJson) context.output.json({ message_type: 'key_changed', id, removed_id: removed });
      else context.output.say(`saved new key as ${id}`);
    });
    return 0;
  },
});
