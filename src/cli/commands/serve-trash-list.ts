import type { TrashedFile } from '../../server/trash.ts';
import { count, formatBytes, formatLocalTime, printableName } from '../render/format.ts';
import { renderTable } from '../render/text-table.ts';
import { chosenTrash, trashJson, trashOptions } from '../serve/trash-choice.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const serveTrashList = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Lists what clients of holdfast serve removed and the server still keeps, because a deletion delay is set for them: when it was removed, from when on it goes for good (both by the clock of the server), and what it is.',
  ],
  examples: [
    'holdfast serve trash list --path /srv/backups',
    'holdfast serve trash list --path /srv/backups --kind snapshot --repository /alice',
  ],
  options: trashOptions,
  isListing: true,
  async run({ output }, values, positionals) {
    exactArguments(positionals, []);
    const found = await Array.fromAsync(chosenTrash(values));
    if (output.isJson) {
      output.json(found.map(trashJson));
      return 0;
    }
    const rows = found.map((entry) => rowOf(entry).map((cell) => [cell]));
    const footer = [`${count(found.length, 'file')}, ${formatBytes(found.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))}`];
    for (const line of renderTable({ headings: ['Removed', 'Kept until', 'Size', 'Repository', 'Kind', 'Name'], rows, footer }))
      output.line(line);
    return 0;
  },
});

function rowOf({ repository, file, removedS, dueS, sizeBytes }: TrashedFile): string[] {
  const times = [formatLocalTime(removedS * 1000), formatLocalTime(dueS * 1000)];
  return [...times, formatBytes(sizeBytes), printableName(`/${repository.join('/')}`), file.kind, file.name.slice(0, 16)];
}
