import { HoldfastError } from '../../base/errors.ts';
import { isId, type PackId } from '../../base/ids.ts';
import { findByPrefix } from '../../repository/find-by-prefix.ts';
import { type PackRepair, repairPacks, type SalvagedPack } from '../../repository/repair/repair-packs.ts';
import { listLosses } from '../../repository/repair/repair-snapshots.ts';
import { packSizeBytes } from '../backup/pack-size.ts';
import type { Output } from '../output.ts';
import { count, formatBytes } from '../render/format.ts';
import { LossReport } from '../render/loss-text.ts';
import { type RepositorySession, withRepository } from '../repository-session.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const repairPacksCommand = defineCommand({
  synopsis: '[OPTION...] PACK...',
  details: [
    'Saves what is whole in damaged packs into new ones, and removes the damaged ones from the index and the repository. A copy of each stays in the current directory, as pack-ID.',
    'PACK is an id, as `check` names it, or its first digits. What is lost is listed by snapshot and path; `repair snapshots` takes it out of the snapshots.',
  ],
  examples: ['holdfast check --read-data', 'holdfast repair packs 3f2a77d0 --dry-run', 'holdfast repair packs 3f2a77d0'],
  options: { 'dry-run': { kind: 'flag', short: 'n', description: 'say what could be saved, write nothing' } },
  async run(context, values, positionals) {
    if (positionals.length === 0) {
      throw new HoldfastError('usage', 'no pack is named', { hint: '`check --read-data` names the packs that are damaged.' });
    }
    const isDryRun = values['dry-run'];
    const mode = !isDryRun ? 'exclusive' : context.globals['no-lock'] ? 'none' : 'shared';
    await withRepository(
      context,
      mode,
      async (session) => {
        const ids = await findPacks(session, positionals);
        const { repository, signal } = session;
        const repair = await repairPacks(repository, ids, {
          copyFolder: process.cwd(),
          isDryRun,
          packSizeBytes: packSizeBytes(context.globals['pack-size']),
          events: context.events,
          signal,
        });
        context.endProgress();
        for (const pack of repair.packs) showPack(context.output, pack, isDryRun);
        const hasLosses = repair.packs.some(({ lost }) => lost.length > 0);
        const lossCount = hasLosses && !isDryRun ? await showLosses(context, session) : 0;
        showSummary(context.output, repair, lossCount, isDryRun);
      },
      'temporary',
    );
    return 0;
  },
});

/** A pack that is gone is known to the index only, by its whole id. */
async function findPacks({ repository, signal }: RepositorySession, references: readonly string[]): Promise<PackId[]> {
  const ids = new Set<PackId>();
  for (const reference of references) {
    const found = isId(reference) ? reference : await findByPrefix<PackId>(repository.backend, 'pack', reference, { signal });
    ids.add(found as PackId);
  }
  return [...ids];
}

async function showLosses({ output, events }: CommandContext, { repository, signal }: RepositorySession): Promise<number> {
  const onDamaged = (_id: string, { message }: HoldfastError): void => events({ kind: 'warning', message });
  const snapshots = await repository.snapshots.list({ signal, onDamaged });
  const report = new LossReport(output);
  output.say('lost, by snapshot and path:');
  await listLosses(repository, snapshots, { onLoss: report.add, events, signal });
  if (report.lossCount === 0) output.say('  nothing that a snapshot uses');
  return report.lossCount;
}

function showPack(
  output: Output,
  { id, isStored, copy, blobCount, savedCount, elsewhereCount, lost }: SalvagedPack,
  isDryRun: boolean,
): void {
  if (output.isJson) {
    output.json({
      message_type: 'pack_repaired',
      id,
      blobs_total: blobCount,
      blobs_saved: savedCount,
      blobs_elsewhere: elsewhereCount,
      blobs_lost: lost.length,
      lost,
      ...(copy === undefined ? {} : { copy: copy.path, bytes_unreadable: copy.unreadableBytes }),
    });
    return;
  }
  const parts = [
    `${savedCount} of ${count(blobCount, 'blob')} ${isDryRun ? 'can be saved' : 'saved'}`,
    ...(elsewhereCount > 0 ? [`${elsewhereCount} are whole in other packs`] : []),
    `${lost.length} lost`,
  ];
  output.say(`pack ${id}: ${parts.join(', ')}`);
  if (!isStored) return output.say(`  it is not in the storage${isDryRun ? '' : ', and is in the index no more'}`);
  if (copy === undefined) return;
  output.say(`  copied to ${copy.path}`);
  if (copy.unreadableBytes > 0) output.say(`  ${formatBytes(copy.unreadableBytes)} of it could not be read, and are zeros in the copy`);
}

function showSummary(output: Output, { packs, newPackCount }: PackRepair, lossCount: number, isDryRun: boolean): void {
  const blobsSaved = packs.reduce((sum, { savedCount }) => sum + savedCount, 0);
  const blobsLost = packs.reduce((sum, { lost }) => sum + lost.length, 0);
  if (output.isJson) {
    output.json({
      message_type: 'summary',
      dry_run: isDryRun,
      packs_removed: isDryRun ? 0 : packs.length,
      packs_added: newPackCount,
      blobs_saved: blobsSaved,
      blobs_lost: blobsLost,
      entries_lost: lossCount,
    });
    return;
  }
  if (isDryRun) return output.say('nothing was changed; `find --pack ID` says which files use such a pack');
  output.say(`removed ${count(packs.length, 'damaged pack')}, wrote ${count(newPackCount, 'new one')}`);
  if (lossCount === 0) return;
  output.say('A new backup of the files that are lost may bring them back, if they are still there unchanged.');
  output.say('To take what stays lost out of the snapshots: holdfast repair snapshots --forget');
}
