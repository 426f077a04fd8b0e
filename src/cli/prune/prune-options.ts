/** The options of `prune`, which `forget --prune` has too. Names and meanings are restic's. */
import { HoldfastError } from '../../base/errors.ts';
import type { PruneLimits } from '../../repository/prune/decide.ts';
import type { PruneOptions } from '../../repository/prune/prune-options.ts';
import { packSizeBytes } from '../backup/pack-size.ts';
import type { CommandContext } from '../commands/command.ts';
import type { OptionTable, Values } from '../options/option.ts';
import { parseSize } from '../options/values.ts';

export const pruneOptions = {
  'max-unused': {
    kind: 'text',
    valueName: 'LIMIT',
    description: 'how much may stay although nobody uses it: a size, a percentage of the repository, or unlimited (default: 5%)',
  },
  'max-repack-size': { kind: 'size', valueName: 'SIZE', description: 'stop repacking before so much was read' },
  'repack-small': { kind: 'flag', description: 'also repack packs smaller than 80 % of --pack-size' },
  'repack-smaller-than': { kind: 'size', valueName: 'SIZE', description: 'also repack packs smaller than this' },
  'repack-uncompressed': { kind: 'flag', description: 'also repack packs with data that is not compressed, and compress it' },
  'repack-cacheable-only': { kind: 'flag', description: 'repack packs of directories only, and leave those of data' },
} as const satisfies OptionTable;

export type PruneValues = Values<typeof pruneOptions>;

const defaultMaxUnused = '5%';
/** Of the size of new packs, which --repack-small calls small: as restic has it. */
const smallShare = 0.8;

/** What the repository's prune is told, but for what only the command knows. @throws HoldfastError `usage` */
export function readPruneOptions(
  { globals, events, clock }: Pick<CommandContext, 'globals' | 'events' | 'clock'>,
  values: PruneValues,
): Omit<PruneOptions, 'isDryRun' | 'onPlanned' | 'signal'> {
  const packBytes = packSizeBytes(globals['pack-size']);
  const limits: PruneLimits = {
    maxUnusedBytes: parseMaxUnused(values['max-unused'] ?? defaultMaxUnused),
    maxRepackBytes: values['max-repack-size'] ?? Number.POSITIVE_INFINITY,
    smallPackBytes: values['repack-smaller-than'] ?? (values['repack-small'] ? Math.floor(packBytes * smallShare) : undefined),
    repackCacheableOnly: values['repack-cacheable-only'],
    repackUncompressed: values['repack-uncompressed'],
  };
  const compression = globals.compression ?? 'auto';
  return { limits, packSizeBytes: packBytes, compression, retryLockMs: globals['retry-lock'] ?? 0, events, clock };
}

/** A percentage is one of all that is left: 5% allow 5 bytes unused beside 95 that are used. */
export function parseMaxUnused(text: string): PruneLimits['maxUnusedBytes'] {
  const limit = text.trim();
  if (limit === 'unlimited') return () => Number.POSITIVE_INFINITY;
  if (!limit.endsWith('%')) {
    const bytes = parseSize(limit, '--max-unused');
    return () => bytes;
  }
  const percent = /^\d+(\.\d+)?%$/.test(limit) ? Number.parseFloat(limit) : Number.NaN;
  if (!(percent < 100)) {
    throw new HoldfastError('usage', `--max-unused cannot be ${JSON.stringify(text)}`, {
      hint: 'Give a percentage below 100 as in 5%, a size as in 2G, or unlimited.',
    });
  }
  return (usedBytes) => Math.floor((percent / (100 - percent)) * usedBytes);
}
