import { withRepository } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const keyRemove = defineCommand({
  synopsis: '[OPTION...] ID',
  details: ['Removes a key: its password opens the repository no more. The key in use is refused, so that one always stays.'],
  options: {},
  async run(context, _values, positionals) {
    const [prefix] = exactArguments(positionals, ['ID']);
    await withRepository(context, 'exclusive', async ({ repository, signal }) => {
      const id = await repository.removeKey(prefix, { signal });
      if (context.output.isJson) context.output.json({ message_type: 'key_removed', id });
      else context.output.say(`removed key ${id}`);
    });
    return 0;
  },
});
