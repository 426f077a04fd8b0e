/** What a prune is going to do, as people and as programs read it. The JSON has restic's field names. */
import type { PruneStatistics } from '../../repository/prune/statistics.ts';
import type { Output } from '../output.ts';
import { formatBytes, formatPercent } from '../render/format.ts';

export function showPruneStatistics(output: Output, statistics: PruneStatistics, isDryRun: boolean): void {
  if (output.isJson) {
    output.json(pruneJson(statistics));
    return;
  }
  if (isDryRun) output.say('would make the following changes:');
  for (const line of usageLines(statistics)) output.sayMore(line);
  for (const line of changeLines(statistics)) output.say(line);
  for (const line of packLines(statistics)) output.sayMore(line);
}

export function pruneJson({ blobs, bytes, packs }: PruneStatistics): object {
  return {
    message_type: 'summary',
    blobs: amountsJson(blobs),
    bytes: {
      ...amountsJson(bytes),
      unreferenced: bytes.unreferenced,
      uncompressed: bytes.uncompressed,
      remaining_unused: bytes.remainUnused,
    },
    packfiles: {
      used: packs.used,
      unused: packs.unused,
      partly_used: packs.partlyUsed,
      unreferenced: packs.unreferenced,
      total: packs.total,
      keep: packs.keep,
      repack: packs.repack,
      remove: packs.remove,
      remove_total: packs.removeTotal,
    },
  };
}

function amountsJson(amounts: PruneStatistics['blobs']): object {
  return {
    used: amounts.used,
    duplicate: amounts.duplicate,
    unused: amounts.unused,
    total: amounts.total,
    repack: amounts.repack,
    repack_remove: amounts.repackRemove,
    remove: amounts.remove,
    remove_total: amounts.removeTotal,
    remaining: amounts.remain,
  };
}

type AmountName = 'used' | 'duplicate' | 'unused' | 'total' | 'repack' | 'repackRemove' | 'remove' | 'removeTotal' | 'remain';

function usageLines(statistics: PruneStatistics): string[] {
  const { blobs, bytes } = statistics;
  const unusedBytes = bytes.duplicate + bytes.unused;
  return [
    amountLine('used', statistics, 'used'),
    ...(blobs.duplicate > 0 ? [amountLine('duplicates', statistics, 'duplicate')] : []),
    amountLine('unused', statistics, 'unused'),
    ...(bytes.unreferenced > 0 ? [`${label('unreferenced')}${' '.repeat(19)}${formatBytes(bytes.unreferenced)}`] : []),
    amountLine('total', statistics, 'total'),
    `unused size: ${formatPercent(unusedBytes, bytes.total) || '0.00%'} of total size`,
    '',
  ];
}

function changeLines(statistics: PruneStatistics): string[] {
  const { blobs, bytes } = statistics;
  const share = formatPercent(bytes.remainUnused, bytes.remain) || '0.00%';
  return [
    amountLine('to repack', statistics, 'repack'),
    amountLine('this removes', statistics, 'repackRemove'),
    line('to delete', blobs.remove, bytes.remove + bytes.unreferenced),
    amountLine('total prune', statistics, 'removeTotal'),
    ...(bytes.uncompressed > 0 ? [`${label('not compressed')}${' '.repeat(17)}${formatBytes(bytes.uncompressed)}`] : []),
    amountLine('remaining', statistics, 'remain'),
    `unused size after prune: ${formatBytes(bytes.remainUnused)} (${share} of remaining size)`,
  ];
}

function packLines({ packs }: PruneStatistics): string[] {
  return [
    '',
    `totally used packs: ${count(packs.used)}`,
    `partly used packs:  ${count(packs.partlyUsed)}`,
    `unused packs:       ${count(packs.unused)}`,
    '',
    `to keep:      ${count(packs.keep)} packs`,
    `to repack:    ${count(packs.repack)} packs`,
    `to delete:    ${count(packs.remove)} packs`,
    ...(packs.unreferenced > 0 ? [`to delete:    ${count(packs.unreferenced)} unreferenced packs`] : []),
  ];
}

function amountLine(name: string, { blobs, bytes }: PruneStatistics, amount: AmountName): string {
  return line(name, blobs[amount], bytes[amount]);
}

function line(name: string, blobs: number, bytes: number): string {
  return `${label(name)}${count(blobs)} blobs / ${formatBytes(bytes)}`;
}

function label(name: string): string {
  return `${name}:`.padEnd(14);
}

function count(amount: number): string {
  return String(amount).padStart(10);
}
