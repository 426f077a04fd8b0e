import { withRepository } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const unlock = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Removes the locks that nobody holds any more: those of processes of this machine that have ended, and those that were not refreshed for 30 minutes.',
    'With --remove-all it removes every lock. Make sure before that no program uses the repository.',
  ],
  options: { 'remove-all': { kind: 'flag', description: 'remove all locks, those of running programs too' } },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    await withRepository(context, 'none', async ({ repository, signal }) => {
      const removed = values['remove-all'] ? await repository.removeAllLocks({ signal }) : await repository.removeStaleLocks({ signal });
      if (context.output.isJson) context.output.json({ message_type: 'locks_removed', ids: removed });
      else context.output.say(`removed ${removed.length} lock${removed.length === 1 ? '' : 's'}`);
    });
    return 0;
  },
});
