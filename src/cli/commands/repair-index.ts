import { type RepairIndexReport, repairIndex, startRepairWorkers } from '../../repository/repair/repair-index.ts';
import type { Output } from '../output.ts';
import { count } from '../render/format.ts';
import { withLock, withRepository } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const repairIndexCommand = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Makes the index say again what the packs are: packs that it lacks are read and added, packs that are gone are forgotten, index files that are damaged are replaced. Only index files are written and removed.',
    'With --read-all-packs nothing is believed and every pack is asked what it holds. Packs whose header is damaged are named and left out; `repair packs` saves what is whole in them, as long as an index knows it.',
  ],
  examples: ['holdfast repair index', 'holdfast repair index --read-all-packs'],
  options: { 'read-all-packs': { kind: 'flag', description: 'read the headers of all packs and make the index from nothing else' } },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    await withRepository(context, 'none', async ({ repository, signal: ended }) => {
      const stop = new AbortController();
      // They start while the lock settles.
      await using workers = startRepairWorkers(repository, AbortSignal.any([ended, stop.signal]));
      const report = await withLock(context, repository, 'exclusive', async ({ signal }) => {
        signal.addEventListener('abort', () => stop.abort(signal.reason), { once: true });
        return await repairIndex(repository, { readAllPacks: values['read-all-packs'], events: context.events, signal, workers });
      });
      repository.forgetIndex();
      context.endProgress();
      show(context.output, report);
    });
    return 0;
  },
});

function show(output: Output, report: RepairIndexReport): void {
  if (output.isJson) output.json(reportJson(report));
  else for (const line of reportLines(report)) output.say(line);
}

function reportJson(report: RepairIndexReport): object {
  return {
    message_type: 'summary',
    packs: report.packCount,
    packs_read: report.packsRead,
    packs_added: report.added,
    packs_reindexed: report.reindexed,
    packs_missing: report.missing,
    packs_damaged: report.damaged.map(({ pack, message }) => ({ id: pack, message })),
    indexes_damaged: report.damagedIndexes,
    indexes_written: report.indexesWritten.length,
    indexes_removed: report.indexesRemoved.length,
  };
}

function reportLines({ packCount, packsRead, added, missing, damaged, indexesWritten, indexesRemoved }: RepairIndexReport): string[] {
  const isUnchanged = indexesWritten.length + indexesRemoved.length === 0;
  return [
    `looked at ${count(packCount, 'pack')}, read the headers of ${packsRead}`,
    ...(added.length > 0 ? [`added ${count(added.length, 'pack')} that no index knew`] : []),
    ...(missing.length > 0 ? [`forgot ${count(missing.length, 'pack')} that are gone`] : []),
    ...(damaged.length > 0
      ? [`left out ${count(damaged.length, 'pack')} whose headers are damaged; a check says what they are needed for`]
      : []),
    isUnchanged
      ? 'the index was right: nothing was changed'
      : `wrote ${count(indexesWritten.length, 'index file')}, removed ${count(indexesRemoved.length, 'old one')}`,
  ];
}
