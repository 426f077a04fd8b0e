import { HoldfastError } from '../../base/errors.ts';
import { withoutProgress } from '../../base/events.ts';
import { shortId } from '../../base/ids.ts';
import { changeEach } from '../../repository/change-each.ts';
import { changeTags, type TagChange } from '../../repository/change-tags.ts';
import { parseTagList } from '../../repository/snapshot-filter.ts';
import type { StoredSnapshot } from '../../repository/snapshots.ts';
import { chooseForChange } from '../forget/choose-for-change.ts';
import type { OptionTable, Values } from '../options/option.ts';
import { snapshotFilterOptions } from '../options/snapshot-options.ts';
import { count } from '../render/format.ts';
import { type RepositorySession, withRepository } from '../repository-session.ts';
import { type CommandContext, defineCommand } from './command.ts';

const tagOptions = {
  set: { kind: 'many', valueName: 'TAG[,TAG...]', description: "replace all tags by these; '' leaves none" },
  add: { kind: 'many', valueName: 'TAG[,TAG...]', description: 'add these tags' },
  remove: { kind: 'many', valueName: 'TAG[,TAG...]', description: 'remove these tags' },
  ...snapshotFilterOptions,
} as const satisfies OptionTable;

export const tag = defineCommand({
  synopsis: '[OPTION...] [SNAPSHOT...]',
  details: [
    'Changes the tags of the snapshots that are named, or of all that the filters let through. A snapshot whose tags change gets a new id; its field `original` names the first one.',
  ],
  examples: ['holdfast tag --add release latest', 'holdfast tag --remove nightly --host web', 'holdfast tag --set keep,2026 1a2b3c4d'],
  options: tagOptions,
  async run(context, values, positionals) {
    const change = tagChange(values);
    const failedCount = await withRepository(context, 'exclusive', async (session) => {
      const { snapshots, damaged } = await chooseForChange(context, session, positionals, values);
      if (damaged[0] !== undefined) throw damaged[0].error;
      return await changeAll(context, session, snapshots, change);
    });
    if (failedCount === 0) return 0;
    throw new HoldfastError('partial', `the tags of ${count(failedCount, 'snapshot')} could not be changed`, {
      hint: 'The errors above say why.',
    });
  },
});

/** @throws HoldfastError `usage` when nothing is to be done, or two things at once */
function tagChange(values: Values<typeof tagOptions>): TagChange {
  const [set, add, remove] = [values.set, values.add, values.remove].map((lists) =>
    lists.flatMap(parseTagList).filter((tagName) => tagName !== ''),
  );
  const changes = values.add.length + values.remove.length;
  if (values.set.length === 0 && changes === 0) {
    throw new HoldfastError('usage', 'no tags to change are given', { hint: 'Give --set, --add or --remove.' });
  }
  if (values.set.length > 0 && changes > 0) {
    throw new HoldfastError('usage', '--set contradicts --add and --remove', { hint: 'Give either the tags that stay, or what changes.' });
  }
  return values.set.length > 0 ? { set: set ?? [] } : { add: add ?? [], remove: remove ?? [] };
}

/** @returns how many could not be changed, each of which was reported */
async function changeAll(
  { output, events, endProgress }: CommandContext,
  { repository, signal }: RepositorySession,
  snapshots: readonly StoredSnapshot[],
  change: TagChange,
): Promise<number> {
  let changedCount = 0;
  const changeOne = async (old: StoredSnapshot): Promise<void> => {
    const id = await changeTags(repository.snapshots, old, change, { signal });
    if (id === undefined) return;
    changedCount += 1;
    if (output.isJson) output.json({ message_type: 'changed', old_snapshot_id: old.id, new_snapshot_id: id });
    else output.sayMore(`${shortId(old.id)} is now ${shortId(id)}`);
  };
  const sink = output.isJson ? withoutProgress(events) : events;
  const failed = await changeEach(snapshots, changeOne, { operation: 'tag', failure: 'tagged', signal, events: sink });
  endProgress();
  if (output.isJson) output.json({ message_type: 'summary', changed_snapshots: changedCount });
  else output.say(changedCount === 0 ? 'no snapshot was changed' : `changed ${count(changedCount, 'snapshot')}`);
  return failed.length;
}
