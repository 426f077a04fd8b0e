import { HoldfastError } from '../../base/errors.ts';
import { checkRepository } from '../../repository/check/check-repository.ts';
import type { CheckReport } from '../../repository/check/report.ts';
import type { Output } from '../output.ts';
import { count, formatBytes, formatSeconds } from '../render/format.ts';
import { withReadLock } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const check = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Tests the repository: that everything snapshots refer to is there and fits together. With --read-data every byte of every pack is read and compared with its digest, which takes as long as reading the whole repository.',
  ],
  examples: ['holdfast check', 'holdfast check --read-data'],
  options: {
    'read-data': { kind: 'flag', description: 'read all packs and prove every byte' },
    'with-cache': { kind: 'flag', description: 'accepted for scripts made for restic; there is no cache yet', isHidden: true },
  },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    const report = await withReadLock(context, async ({ repository, signal }) => {
      context.output.sayMore(`checking ${repository.backend.location}`);
      return await checkRepository(repository, { readData: values['read-data'], signal, events: context.events, clock: context.clock });
    });
    context.endProgress();
    show(context.output, report);
    if (report.errorCount === 0) return 0;
    throw new HoldfastError('check-failed', `the repository has ${count(report.errorCount, 'error')}`, { hint: adviceFor(report) });
  },
});

function show(output: Output, report: CheckReport): void {
  if (output.isJson) {
    output.json({
      message_type: 'summary',
      num_errors: report.errorCount,
      broken_packs: report.brokenPacks.length === 0 ? null : report.brokenPacks,
      suggest_repair_index: report.suggestRepairIndex,
      suggest_prune: report.suggestPrune,
    });
    return;
  }
  for (const { message } of report.hints) output.say(`note: ${message}`);
  output.say(
    `checked ${count(report.snapshotCount, 'snapshot')}, ${count(report.treeCount, 'tree')}, ${count(report.blobCount, 'blob')}, ${count(report.packCount, 'pack')} in ${formatSeconds(report.secondsElapsed)}`,
  );
  if (report.bytesRead > 0) output.say(`read ${formatBytes(report.bytesRead)} of data`);
  if (report.unusedBlobCount > 0)
    output.sayMore(`${count(report.unusedBlobCount, 'blob')} (${formatBytes(report.unusedBytes)}) are used by no snapshot`);
  if (report.errorCount === 0) output.say('no errors were found');
}

function adviceFor({ brokenPacks, brokenSnapshots, suggestRepairIndex }: CheckReport): string {
  if (brokenPacks.length > 0)
    return 'Data is damaged or lost. Copy the repository before you repair anything, then see which files use it: holdfast find --pack ID.';
  if (brokenSnapshots.length > 0) return 'Some snapshots cannot be read. The others are whole.';
  return suggestRepairIndex
    ? 'The index is damaged: the data may still be whole. Copy the repository before you repair it.'
    : 'The errors above say what is wrong.';
}
