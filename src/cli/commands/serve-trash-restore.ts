import { restoreFromTrash } from '../../server/trash.ts';
import { count } from '../render/format.ts';
import { chosenTrash, trashJson, trashOptions, trashRoot } from '../serve/trash-choice.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const serveTrashRestore = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Brings back what clients of holdfast serve removed: all of it, or what the options choose. A file whose place is taken stays in the trash: what is there has the same content.',
    'After a prune, bring back everything that was removed with it (--since): a snapshot alone is of no use without its packs and indexes. Then run holdfast check on the repository.',
  ],
  examples: ['holdfast serve trash restore --path /srv/backups --repository /alice --since "2026-11-20 18:00:00"'],
  options: { ...trashOptions, 'dry-run': { kind: 'flag', short: 'n', description: 'show what would be brought back, and do nothing' } },
  async run({ output, signal }, values, positionals) {
    exactArguments(positionals, []);
    const root = trashRoot(values);
    const tally = { restored: 0, taken: 0 };
    // Data first: at every moment a snapshot that is back has its packs and indexes.
    const found = (await Array.fromAsync(chosenTrash(values))).sort((a, b) => order.indexOf(a.file.kind) - order.indexOf(b.file.kind));
    for (const entry of found) {
      signal.throwIfAborted();
      const isBack = values['dry-run'] || (await restoreFromTrash(root, entry));
      tally[isBack ? 'restored' : 'taken']++;
      if (output.isJson && isBack) output.json({ message_type: 'restored', ...trashJson(entry) });
      else if (isBack) output.sayMore(`${entry.file.kind} ${entry.file.name}`);
    }
    if (output.isJson) output.json({ message_type: 'summary', dry_run: values['dry-run'], ...tally });
    else {
      output.say(`${values['dry-run'] ? 'would bring back' : 'brought back'} ${count(tally.restored, 'file')}`);
      if (tally.taken > 0) output.say(`${count(tally.taken, 'file')} stayed in the trash: they are in the repository, too`);
    }
    return 0;
  },
});

const order = ['config', 'key', 'pack', 'index', 'snapshot', 'lock'];
