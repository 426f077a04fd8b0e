import { HoldfastError } from '../../base/errors.ts';
import { withoutProgress } from '../../base/events.ts';
import { removeSnapshots } from '../../repository/forget/remove-snapshots.ts';
import { prune as runPrune } from '../../repository/prune/prune.ts';
import { isEmptyFilter } from '../../repository/snapshot-filter.ts';
import { isEmptyPolicy, type KeepPolicy } from '../../retention/policy.ts';
import { type ForgetValues, forgetOptions } from '../forget/forget-options.ts';
import { keepPolicy } from '../forget/keep-policy.ts';
import { chooseByName, chooseByPolicy, type WhatGoes } from '../forget/what-goes.ts';
import { pruneOptions, readPruneOptions } from '../prune/prune-options.ts';
import { showPruneStatistics } from '../prune/prune-report.ts';
import { count } from '../render/format.ts';
import { type LockMode, type RepositorySession, withLock, withRepository } from '../repository-session.ts';
import { snapshotFilter } from '../snapshot-choice.ts';
import { parseGrouping } from '../snapshot-groups.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const forget = defineCommand({
  synopsis: '[OPTION...] [SNAPSHOT...]',
  details: [
    'Removes the snapshots that no rule keeps, or those that are named, and says of each that stays why it stays. The rules are applied to the snapshots of each host and set of paths by themselves; a snapshot stays when any rule keeps it.',
    'Hours, days, weeks, months and years are those in which there is a snapshot, by the clock of the machine that made it. While a count is not used up, the oldest snapshot stays too.',
    'Data of removed snapshots stays in the repository until it is pruned: by --prune at once, or by the command prune.',
  ],
  examples: [
    'holdfast forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run',
    'holdfast forget --keep-within 30d --keep-tag release --group-by host --prune',
    'holdfast forget 1a2b3c4d',
  ],
  options: {
    ...forgetOptions,
    prune: { kind: 'flag', description: 'prune when snapshots were removed; the options below are those of prune' },
    ...pruneOptions,
  },
  async run(context, given, positionals) {
    const values = { ...given, host: [...given.host, ...given.hostname] };
    const policy = keepPolicy(values);
    assertClear(context, values, policy, positionals);
    const pruning = readPruneOptions(context, values);
    const isDryRun = values['dry-run'];
    await withRepository(context, 'none', async ({ repository, signal }) => {
      // Thousands of snapshots are loaded while the lock settles.
      await using _loading = positionals.length === 0 ? repository.snapshots.beginLoading({ signal }) : undefined;
      const { remove } = await withLock(context, repository, lockMode(context, isDryRun), async (session) => {
        const chosen =
          positionals.length > 0
            ? await chooseByName(context, session, values, positionals)
            : await chooseByPolicy(context, session, values, policy);
        await carryOut(context, session, chosen, isDryRun);
        return chosen;
      });
      // It takes locks of its own: to read what is used it need not keep others out.
      if (values.prune && remove.length > 0) {
        const ignoreSnapshots = new Set(isDryRun ? remove.map(({ id }) => id) : []);
        const onPlanned = (statistics: Parameters<typeof showPruneStatistics>[1]) =>
          showPruneStatistics(context.output, statistics, isDryRun);
        await runPrune(repository, { ...pruning, isDryRun, ignoreSnapshots, withoutLock: context.globals['no-lock'], signal, onPlanned });
        if (!isDryRun) context.output.say('pruned');
      }
      context.endProgress();
    });
    return 0;
  },
});

/** A dry run changes nothing, so backups may go on beside it. */
function lockMode({ globals }: CommandContext, isDryRun: boolean): LockMode {
  if (!isDryRun) return 'exclusive';
  return globals['no-lock'] ? 'none' : 'shared';
}

/** What can be known to be wrong before the repository is opened. */
function assertClear({ globals }: CommandContext, values: ForgetValues, policy: KeepPolicy, positionals: readonly string[]): void {
  parseGrouping(values['group-by'] ?? '');
  if (globals['no-lock'] && !values['dry-run']) {
    throw new HoldfastError('usage', 'snapshots cannot be removed without a lock', { hint: 'Leave --no-lock out, or add --dry-run.' });
  }
  if (positionals.length > 0 && !isEmptyPolicy(policy)) {
    throw new HoldfastError('usage', 'snapshots to remove are named, and rules say what to keep', {
      hint: 'Name snapshots to remove just those, or give rules to have all others judged.',
    });
  }
  if (positionals.length === 0 && isEmptyPolicy(policy) && values['unsafe-allow-remove-all'] && isEmptyFilter(snapshotFilter(values))) {
    throw new HoldfastError('usage', 'neither rules nor filters are given, which would remove all snapshots of the repository', {
      hint: 'Say which with --host, --tag or --path.',
    });
  }
}

/** @throws HoldfastError `partial` when some could not be removed, each of which was reported */
async function carryOut(
  { output, events }: CommandContext,
  { repository, signal }: RepositorySession,
  { remove, json }: WhatGoes,
  isDryRun: boolean,
): Promise<void> {
  // The JSON is one document, as restic's.
  const sink = output.isJson ? withoutProgress(events) : events;
  const failed = isDryRun ? [] : await removeSnapshots(repository.snapshots, remove, { signal, events: sink });
  if (output.isJson) output.line(json);
  else if (isDryRun) output.say(`${count(remove.length, 'snapshot')} would be removed`);
  else output.say(`removed ${count(remove.length - failed.length, 'snapshot')}`);
  if (failed.length === 0) return;
  throw new HoldfastError('partial', `${count(failed.length, 'snapshot')} could not be removed`, {
    hint: 'The errors above say why. Run the command again when that is settled.',
  });
}
