import { HoldfastError } from '../../base/errors.ts';
import { groupSnapshots, type SnapshotGroup } from '../../repository/snapshot-groups.ts';
import type { StoredSnapshot } from '../../repository/snapshots.ts';
import { snapshotFilterOptions } from '../options/snapshot-options.ts';
import { snapshotJson, snapshotTable } from '../render/snapshot-text.ts';
import { type RepositorySession, readUnderLock, withRepository } from '../repository-session.ts';
import { chooseSnapshots } from '../snapshot-choice.ts';
import { describeGroup, groupKeyOf, newestOf, parseGrouping } from '../snapshot-groups.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const snapshots = defineCommand({
  synopsis: '[OPTION...] [SNAPSHOT...]',
  details: ['Lists the snapshots of the repository, oldest first.'],
  isListing: true,
  options: {
    ...snapshotFilterOptions,
    compact: { kind: 'flag', short: 'c', description: 'leave the paths out' },
    latest: { kind: 'number', valueName: 'N', description: 'only the last N of each host and set of paths, or of each group' },
    last: { kind: 'flag', description: 'older form of --latest 1', isHidden: true },
    'group-by': { kind: 'text', short: 'g', valueName: 'LIST', description: 'group by host, paths, tags: a list with commas' },
  },
  async run(context, values, positionals) {
    const grouping = parseGrouping(values['group-by'] ?? '');
    const keep = values.latest ?? (values.last ? 1 : undefined);
    if (keep === 0) throw new HoldfastError('usage', '--latest cannot be 0', { hint: 'Give a number from 1 on.' });
    return await withLoading(context, positionals, async (session) => {
      const chosen = await chooseSnapshots(context, session, positionals, values);
      const groups = groupSnapshots(chosen.snapshots, grouping).map((group) => ({
        ...group,
        snapshots: keep === undefined ? group.snapshots : newestOf(group.snapshots, keep, grouping),
      }));
      const isGrouped = Object.values(grouping).some(Boolean);
      if (context.output.isJson) printJson(context, groups, isGrouped);
      else printTables(context, groups, { isCompact: values.compact, isGrouped });
      chosen.assertComplete();
      return 0;
    });
  },
});

/** Thousands of snapshots are loaded while the lock settles. */
async function withLoading<T>(
  context: CommandContext,
  references: readonly string[],
  use: (session: RepositorySession) => Promise<T>,
): Promise<T> {
  return await withRepository(context, 'none', async ({ repository, signal }) => {
    await using _loading = references.length === 0 ? repository.snapshots.beginLoading({ signal }) : undefined;
    return await readUnderLock(context, repository, use);
  });
}

function printJson({ output }: CommandContext, groups: readonly SnapshotGroup[], isGrouped: boolean): void {
  const lists = groups.map((group) => `[${group.snapshots.map((snapshot) => snapshotJson(snapshot)).join(',')}]`);
  if (!isGrouped) output.line(lists[0] ?? '[]');
  else
    output.line(
      `[${groups.map((group, index) => `{"group_key":${JSON.stringify(groupKeyOf(group))},"snapshots":${lists[index]}}`).join(',')}]`,
    );
}

function printTables(
  { output }: CommandContext,
  groups: readonly SnapshotGroup[],
  { isCompact, isGrouped }: { isCompact: boolean; isGrouped: boolean },
): void {
  for (const [index, group] of groups.entries()) {
    if (isGrouped) output.line(`${index === 0 ? '' : '\n'}snapshots for (${describeGroup(group)}):`);
    printTable(output, group.snapshots, isCompact);
  }
  if (groups.length === 0) printTable(output, [], isCompact);
}

function printTable(output: CommandContext['output'], list: readonly StoredSnapshot[], isCompact: boolean): void {
  for (const line of snapshotTable(list, isCompact)) output.line(line);
}
