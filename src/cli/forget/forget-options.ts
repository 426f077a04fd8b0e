/** The options of `forget`. */
import type { OptionTable, Values } from '../options/option.ts';
import { snapshotFilterOptions } from '../options/snapshot-options.ts';

const { short: _short, ...host } = snapshotFilterOptions.host;

export const forgetOptions = {
  'keep-last': { kind: 'text', short: 'l', valueName: 'N', description: 'keep the last N snapshots; unlimited keeps all, here and below' },
  'keep-hourly': {
    kind: 'text',
    short: 'H',
    valueName: 'N',
    description: 'keep the last snapshot of each of the last N hours that have one',
  },
  'keep-daily': { kind: 'text', short: 'd', valueName: 'N', description: 'likewise for days' },
  'keep-weekly': { kind: 'text', short: 'w', valueName: 'N', description: 'likewise for weeks, which begin on Monday' },
  'keep-monthly': { kind: 'text', short: 'm', valueName: 'N', description: 'likewise for months' },
  'keep-yearly': { kind: 'text', short: 'y', valueName: 'N', description: 'likewise for years' },
  'keep-within': {
    kind: 'text',
    valueName: 'SPAN',
    description: 'keep all that are less than this, as in 1y5m7d2h, older than the newest',
  },
  'keep-within-hourly': { kind: 'text', valueName: 'SPAN', description: 'of those, keep the last snapshot of each hour' },
  'keep-within-daily': { kind: 'text', valueName: 'SPAN', description: 'likewise for days' },
  'keep-within-weekly': { kind: 'text', valueName: 'SPAN', description: 'likewise for weeks' },
  'keep-within-monthly': { kind: 'text', valueName: 'SPAN', description: 'likewise for months' },
  'keep-within-yearly': { kind: 'text', valueName: 'SPAN', description: 'likewise for years' },
  'keep-tag': { kind: 'many', valueName: 'TAG[,TAG...]', description: 'keep snapshots with all tags of the list' },
  'unsafe-allow-remove-all': { kind: 'flag', description: 'the rules may remove every snapshot of a group' },
  ...snapshotFilterOptions,
  host,
  hostname: { kind: 'many', valueName: 'NAME', description: 'older name of --host', isHidden: true },
  compact: { kind: 'flag', short: 'c', description: 'leave the paths out of the tables' },
  'group-by': {
    kind: 'text',
    short: 'g',
    valueName: 'LIST',
    description: "apply the rules to each group of the same host, paths, tags by itself (default: host,paths); '' makes one group",
  },
  'dry-run': { kind: 'flag', short: 'n', description: 'say what would be done, remove nothing' },
} as const satisfies OptionTable;

export type ForgetValues = Values<typeof forgetOptions>;
