import { HoldfastError } from '../../base/errors.ts';
import { removeFromTrash } from '../../server/trash.ts';
import { count, formatBytes } from '../render/format.ts';
import { chosenTrash, trashOptions } from '../serve/trash-choice.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

const nsPerS = 1_000_000_000n;

export const serveTrashEmpty = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Removes for good what has been in the trash for as long as it was to be kept. The server does so by itself every hour.',
    'With --all it removes also what is not due yet: nothing brings that back.',
  ],
  examples: ['holdfast serve trash empty --path /srv/backups', 'holdfast serve trash empty --path /srv/backups --repository /alice --all'],
  options: {
    ...trashOptions,
    all: { kind: 'flag', description: 'also what is not due yet' },
    'dry-run': { kind: 'flag', short: 'n', description: 'show how much would go, and do nothing' },
  },
  async run({ output, signal, clock }, values, positionals) {
    exactArguments(positionals, []);
    if ((values.since !== undefined || values.kind !== undefined) && !values.all) {
      throw new HoldfastError('usage', '--since and --kind choose what goes early', { hint: 'Add --all, or leave them out.' });
    }
    const nowS = Number(clock.nowNs() / nsPerS);
    const tally = { removed: 0, bytes: 0, kept: 0 };
    for await (const entry of chosenTrash(values)) {
      signal.throwIfAborted();
      if (!values.all && entry.dueS > nowS) {
        tally.kept++;
        continue;
      }
      if (!values['dry-run']) await removeFromTrash(entry);
      tally.removed++;
      tally.bytes += entry.sizeBytes;
    }
    if (output.isJson) output.json({ message_type: 'summary', dry_run: values['dry-run'], ...tally });
    else {
      output.say(`${values['dry-run'] ? 'would remove' : 'removed'} ${count(tally.removed, 'file')}, ${formatBytes(tally.bytes)}`);
      if (tally.kept > 0) output.say(`${count(tally.kept, 'file')} stay until they are due`);
    }
    return 0;
  },
});
