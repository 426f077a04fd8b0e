import type { FoundLock } from '../../repository/lock/lock-files.ts';
import { describeOwner } from '../../repository/lock/lock-owner.ts';
import { count, formatLocalTime } from '../render/format.ts';
import { withRepository } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const unlock = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Removes the locks that nobody holds any more: those of processes of this machine that have ended, and those that were not refreshed for 30 minutes. It names those that stay.',
    'With --remove-all it removes every lock. Make sure before that no program uses the repository.',
  ],
  options: { 'remove-all': { kind: 'flag', description: 'remove all locks, those of running programs too' } },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    const { output } = context;
    await withRepository(context, 'none', async ({ repository, signal }) => {
      const removed = values['remove-all'] ? await repository.removeAllLocks({ signal }) : await repository.removeStaleLocks({ signal });
      const left = await repository.readLocks({ signal });
      if (output.isJson) output.json({ message_type: 'locks_removed', ids: removed, left: left.map(lockJson) });
      else output.say(`removed ${count(removed.length, 'lock')}`);
      for (const found of left) output.say(describeLock(found));
    });
    return 0;
  },
});

function lockJson({ id, lock }: FoundLock): object {
  if (lock === undefined) return { id };
  const { hostname, username, pid, isExclusive, timeNs } = lock;
  return { id, hostname, username, pid, exclusive: isExclusive, since: new Date(millisecondsOf(timeNs)).toISOString() };
}

function describeLock({ id, lock, error }: FoundLock): string {
  if (lock === undefined) return `left in place: ${error.message}`;
  const manner = lock.isExclusive ? 'an exclusive lock' : 'a lock';
  return `left in place: ${manner} of ${describeOwner(lock)}, refreshed ${formatLocalTime(millisecondsOf(lock.timeNs))} (${id.slice(0, 8)})`;
}

function millisecondsOf(timeNs: bigint): number {
  return Number(timeNs / 1_000_000n);
}
