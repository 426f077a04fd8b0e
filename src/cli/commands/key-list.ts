import { HoldfastError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import type { KeyList, ListedKey } from '../../repository/keys.ts';
import { printableName } from '../render/format.ts';
import { formatNodeTime } from '../render/node-line.ts';
import { renderTable } from '../render/text-table.ts';
import { withReadLock } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const keyList = defineCommand({
  synopsis: '[OPTION...]',
  details: ['Lists the keys of the repository. Each has a password of its own; the one in use has a star.'],
  isListing: true,
  options: {},
  async run(context, _values, positionals) {
    exactArguments(positionals, []);
    const list = await withReadLock(context, ({ repository, signal }) => repository.listKeys({ signal }));
    print(context, list);
    if (list.damaged.length === 0) return 0;
    throw new HoldfastError('damaged', `${list.damaged.length} key files cannot be read`, { hint: 'The errors above say why.' });
  },
});

function print({ output, events }: CommandContext, { keys, damaged }: KeyList): void {
  if (output.isJson) output.json(keys.map(keyJson));
  else
    for (const line of renderTable({ headings: [' ID', 'User', 'Host', 'Created'], rows: keys.map(keyRow), footer: [] })) output.line(line);
  for (const { error } of damaged) {
    events({ kind: 'failure', operation: 'index', error: { code: error.code, message: error.message, context: error.context } });
  }
}

function keyJson({ id, isCurrent, username, hostname, created }: ListedKey): object {
  return { current: isCurrent, id, userName: username, hostName: hostname, created: formatNodeTime(created) };
}

function keyRow({ id, isCurrent, username, hostname, created }: ListedKey): string[][] {
  return [[`${isCurrent ? '*' : ' '}${shortId(id)}`], [printableName(username)], [printableName(hostname)], [formatNodeTime(created)]];
}
