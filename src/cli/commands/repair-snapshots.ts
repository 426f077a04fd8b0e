import { HoldfastError } from '../../base/errors.ts';
import { shortId, type SnapshotId } from '../../base/ids.ts';
import { findByPrefix } from '../../repository/find-by-prefix.ts';
import { repairSnapshots, type SnapshotRepair } from '../../repository/repair/repair-snapshots.ts';
import { packSizeBytes } from '../backup/pack-size.ts';
import { snapshotFilterOptions } from '../options/snapshot-options.ts';
import type { Values } from '../options/option.ts';
import { count } from '../render/format.ts';
import { LossReport } from '../render/loss-text.ts';
import { showReplaced } from '../render/replaced-text.ts';
import { type RepositorySession, withReadLock, withRepository } from '../repository-session.ts';
import { snapshotFilter } from '../snapshot-choice.ts';
import type { StoredSnapshot } from '../../repository/snapshots.ts';
import { type CommandContext, defineCommand } from './command.ts';

const repairSnapshotsOptions = {
  forget: { kind: 'flag', description: 'remove each damaged snapshot when the repaired one is saved' },
  'dry-run': { kind: 'flag', short: 'n', description: 'say what would be done, write nothing' },
  ...snapshotFilterOptions,
} as const;

type RepairValues = Values<typeof repairSnapshotsOptions>;

export const repairSnapshotsCommand = defineCommand({
  synopsis: '[OPTION...] [SNAPSHOT...]',
  details: [
    'Takes what is lost out of the snapshots: those named, or all that the filters let through. A file keeps the content that is there, a directory that cannot be read becomes empty; each is listed. Repaired snapshots get the tag `repaired`; the damaged ones stay unless --forget is given.',
    'What counts as lost is what the index does not have: run `repair index`, or `repair packs`, before. If the lost files are still where they were, a new backup brings them back, and nothing needs to be taken out.',
    'With --forget, a snapshot of which nothing can be read is removed, and so is one whose own file is damaged, if it is named. Run `recover` before: it finds what is left of them.',
  ],
  examples: ['holdfast repair snapshots --dry-run', 'holdfast repair snapshots --forget'],
  options: repairSnapshotsOptions,
  async run(context, values, positionals) {
    const work = async (session: RepositorySession): Promise<void> => await repair(context, session, values, positionals);
    if (values['dry-run']) await withReadLock(context, work, 'temporary');
    else await withRepository(context, 'exclusive', work, 'temporary');
    return 0;
  },
});

async function repair(
  context: CommandContext,
  session: RepositorySession,
  values: RepairValues,
  references: readonly string[],
): Promise<void> {
  const { output, events, globals } = context;
  const { repository, signal } = session;
  const chosen = await choose(context, session, values, references);
  const losses = new LossReport(output);
  const isDryRun = values['dry-run'];
  const repaired = await repairSnapshots(repository, chosen.snapshots, {
    forgets: values.forget,
    isDryRun,
    compression: globals.compression,
    packSizeBytes: packSizeBytes(globals['pack-size']),
    onLoss: losses.add,
    onReplaced: (replaced) => showReplaced(output, replaced, { isDryRun, verb: 'repaired' }),
    onHopeless: (snapshot, isRemoved) => showRemoved(context, snapshot.id, isRemoved, isDryRun),
    events,
    signal,
  });
  context.endProgress();
  showSummary(context, repaired, chosen.removedCount, losses, isDryRun);
  chosen.assertComplete();
}

interface Chosen {
  readonly snapshots: readonly StoredSnapshot[];
  readonly removedCount: number;
  assertComplete(): void;
}

/** As restic, a snapshot whose file is damaged is removed only when it is named. */
async function choose(
  context: CommandContext,
  session: RepositorySession,
  values: RepairValues,
  references: readonly string[],
): Promise<Chosen> {
  const { repository, signal } = session;
  const selected = await repository.snapshots.select(references, snapshotFilter(values), { signal });
  const snapshots = selected.flatMap(({ snapshot }) => snapshot ?? []);
  let removedCount = 0;
  const failures: HoldfastError[] = [];
  for (const { reference, error } of selected) {
    if (error === undefined) continue;
    const isMeant = error.code === 'damaged' && reference !== 'latest' && references.includes(reference);
    if (isMeant && values.forget) {
      await removeUnreadable(context, session, reference, values['dry-run']);
      removedCount++;
    } else failures.push(error);
  }
  const [first] = failures;
  if (first !== undefined && snapshots.length === 0 && removedCount === 0) throw unreadable(first);
  for (const { code, message, context: details } of failures.map(unreadable)) {
    context.events({ kind: 'failure', operation: 'repair', error: { code, message, context: details } });
  }
  return { snapshots, removedCount, assertComplete: () => assertNone(failures) };
}

async function removeUnreadable(
  context: CommandContext,
  { repository, signal }: RepositorySession,
  reference: string,
  isDryRun: boolean,
): Promise<void> {
  const id = await findByPrefix<SnapshotId>(repository.backend, 'snapshot', reference, { signal });
  if (!isDryRun) await repository.snapshots.remove(id, { signal });
  showRemoved(context, id, true, isDryRun);
}

function unreadable(error: HoldfastError): HoldfastError {
  if (error.code !== 'damaged') return error;
  return new HoldfastError(error.code, error.message, {
    hint: 'Copy the file back from another copy of the repository; or run `recover`, which finds what it had, then name this snapshot and add --forget, which removes the file.',
    context: error.context,
    cause: error,
  });
}

function assertNone(failures: readonly HoldfastError[]): void {
  const [first] = failures;
  if (first === undefined) return;
  throw new HoldfastError(first.code, `${count(failures.length, 'snapshot')} could not be used`, { hint: 'The errors above say why.' });
}

function showRemoved({ output }: CommandContext, id: SnapshotId, isRemoved: boolean, isDryRun: boolean): void {
  if (output.isJson) {
    output.json({ message_type: 'snapshot_unrepairable', snapshot: id, removed: isRemoved && !isDryRun, dry_run: isDryRun });
    return;
  }
  const what = `snapshot ${shortId(id)}, of which nothing can be saved,`;
  if (!isRemoved) output.say(`${what} stays; \`recover\` finds what is left of it, then --forget removes it`);
  else output.say(`${what} ${isDryRun ? 'would be' : 'was'} removed`);
}

function showSummary(
  { output }: CommandContext,
  { wholeCount, repairedCount, hopelessCount }: SnapshotRepair,
  removedCount: number,
  losses: LossReport,
  isDryRun: boolean,
): void {
  if (output.isJson) {
    output.json({
      message_type: 'summary',
      dry_run: isDryRun,
      snapshots_whole: wholeCount,
      snapshots_repaired: repairedCount,
      snapshots_unrepairable: hopelessCount + removedCount,
      entries_lost: losses.lossCount,
    });
    return;
  }
  output.say(
    `${count(wholeCount, 'snapshot')} ${wholeCount === 1 ? 'is' : 'are'} whole, ${isDryRun ? 'would repair' : 'repaired'} ${repairedCount}`,
  );
}
