import { hostname, userInfo } from 'node:os';
import { shortId } from '../../base/ids.ts';
import { readVersion } from '../../base/package-version.ts';
import { type Recovery, recover as runRecover } from '../../repository/repair/recover.ts';
import type { Output } from '../output.ts';
import { count } from '../render/format.ts';
import { withRepository } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const recover = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Makes a snapshot of all directories that no snapshot and no other directory refers to: what snapshots had that were removed by mistake, or whose files are damaged. Each is a folder in it, named by the first digits of its id. The snapshot gets the tag `recovered`.',
    'What `prune` has removed is gone. If packs are missing in the index, run `repair index` before.',
  ],
  options: {},
  async run(context, _values, positionals) {
    exactArguments(positionals, []);
    await withRepository(
      context,
      'exclusive',
      async ({ repository, signal }) => {
        const { username, uid, gid } = userInfo();
        const record = {
          hostname: hostname(),
          username,
          uid: Math.max(0, uid),
          gid: Math.max(0, gid),
          programVersion: `holdfast ${readVersion()}`,
        };
        const { globals, events, clock } = context;
        const recovery = await runRecover(repository, { record, compression: globals.compression, events, clock, signal });
        context.endProgress();
        show(context.output, recovery);
      },
      'temporary',
    );
    return 0;
  },
});

function show(output: Output, { roots, treeCount, unreadableCount, snapshotId }: Recovery): void {
  if (output.isJson) {
    output.json({
      message_type: 'summary',
      trees_total: treeCount,
      trees_unreadable: unreadableCount,
      roots,
      ...(snapshotId === undefined ? {} : { snapshot_id: snapshotId }),
    });
    return;
  }
  output.say(`read ${count(treeCount, 'tree')}, ${roots.length} of them are referred to by nothing`);
  if (snapshotId === undefined) output.say('there is nothing to recover');
  else output.say(`saved snapshot ${shortId(snapshotId)}`);
}
