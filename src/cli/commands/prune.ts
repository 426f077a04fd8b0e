import { HoldfastError } from '../../base/errors.ts';
import { prune as runPrune } from '../../repository/prune/prune.ts';
import { pruneOptions, readPruneOptions } from '../prune/prune-options.ts';
import { showPruneStatistics } from '../prune/prune-report.ts';
import { withRepository } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const prune = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Removes data that no snapshot uses any more, as it is left behind by forget and by backups that were broken off. It says what it is going to do, then does it; with --dry-run it only says so.',
    'Backups may run while it reads; to remove something it waits for them as long as --retry-lock says. It can be broken off at any moment and started again.',
  ],
  examples: ['holdfast prune --dry-run', 'holdfast prune --max-unused 10% --retry-lock 1h'],
  options: {
    ...pruneOptions,
    'dry-run': { kind: 'flag', short: 'n', description: 'say what would be done, change nothing' },
  },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    const isDryRun = values['dry-run'];
    const withoutLock = context.globals['no-lock'];
    if (withoutLock && !isDryRun) throw new HoldfastError('usage', '--no-lock is for a --dry-run only', { hint: 'Leave out --no-lock.' });
    const options = readPruneOptions(context, values);
    // It takes the locks itself: others may work while it reads.
    await withRepository(context, 'none', async ({ repository, signal }) => {
      await runPrune(repository, {
        ...options,
        isDryRun,
        withoutLock,
        signal,
        onPlanned: (statistics) => showPruneStatistics(context.output, statistics, isDryRun),
      });
      context.endProgress();
      if (!isDryRun) context.output.say('done');
    });
    return 0;
  },
});
