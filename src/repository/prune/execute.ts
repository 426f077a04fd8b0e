/**
 * Does what a plan says, in an order in which a kill at any instant loses nothing and can be taken up again:
 *
 * 1. Packs that no index knows go. Nobody can find them, and with the exclusive lock held no backup is about to name them. This comes
 *    first because it makes room for what follows.
 * 2. Needed blobs are copied from packs that go into new packs; those are durable, and then in durable index files. Now every needed
 *    blob lies twice. Killed here, the next prune meets the copies and goes on from them.
 * 3. A last look: every blob that snapshots use lies in a pack that stays.
 * 4. New index files name the packs that stay, of all index files that name a pack that goes. They are durable before
 * 5. those old index files go. Killed here, some packs are in two index files, which say the same of them.
 * 6. Packs that are needed no more, which no index knows now, go last. Killed here, the rest of them goes in step 1 of the next prune.
 *
 * So at every moment each needed blob is in a durable pack that a durable index names, and no index names a pack that is gone.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError } from '../../base/errors.ts';
import { ignoreEvents } from '../../base/events.ts';
import type { PackId } from '../../base/ids.ts';
import { mapConcurrently } from '../concurrency.ts';
import { planIndexes, removeIndexes, writeIndexes } from '../index/rewrite-index.ts';
import type { PrunePlan } from './plan.ts';
import { assertNothingLost, type RepackOptions, Repacking } from './repacking.ts';
import { surveyAll } from './survey-all.ts';

export interface ExecuteOptions extends RepackOptions {
  /** Called before each step that removes something. @throws HoldfastError when the exclusive lock is not certainly held */
  readonly confirmLock: () => Promise<void>;
}

export async function executePlan(plan: PrunePlan, options: ExecuteOptions): Promise<void> {
  await removePacks(plan.survey.unreferenced, options);
  if (plan.decisions.repack.length > 0) await new Repacking(plan, options).run();
  const leaving = leavingPacks(plan);
  await proveNothingLost(plan, leaving, options);
  await rewriteIndexes(plan, leaving, options);
  const { remove, repack } = plan.decisions;
  const { index } = plan.survey;
  await removePacks(
    [...remove, ...repack.map(({ pack }) => pack)].map((pack) => index.packIdHex(pack) as PackId),
    options,
  );
}

/** Per number of the index: 1 for a pack that goes, or has gone. New packs have numbers behind all others. */
function leavingPacks({ survey, decisions, missingPacks }: PrunePlan): Uint8Array {
  const { index, grouped } = survey;
  const goes = new Set<number>([...decisions.remove, ...decisions.repack.map(({ pack }) => pack)]);
  for (const id of missingPacks) goes.add(grouped.groupOf.get(id) ?? -1);
  const leaving = new Uint8Array(index.packCount);
  const knownCount = survey.memory.fitPacks.byteLength;
  for (let pack = 0; pack < leaving.length; pack++) {
    // A number that several index files gave the pack stands for the same group; a pack without blobs has none and goes as well.
    const group = pack < knownCount ? grouped.groupOf.get(index.packIdHex(pack)) : pack;
    if (group === undefined || goes.has(group)) leaving[pack] = 1;
  }
  return leaving;
}

async function proveNothingLost(plan: PrunePlan, leaving: Uint8Array, { workers }: ExecuteOptions): Promise<void> {
  const staying = new SharedArrayBuffer(leaving.length);
  new Uint8Array(staying).set(leaving.map((goes) => 1 - goes));
  await workers.pool.setUp({ kind: 'begin', usage: plan.usage.memory, survey: plan.survey.memory });
  assertNothingLost(await surveyAll(workers, plan.survey, { step: 'prove', staying }));
}

async function rewriteIndexes({ survey, usage }: PrunePlan, leaving: Uint8Array, options: ExecuteOptions): Promise<void> {
  const { repository, workers, signal, confirmLock } = options;
  const { index, grouped, groups } = survey;
  const { obsolete, packs } = planIndexes({ index, grouped, groups, files: usage.files, isGone: (pack) => leaving[pack] === 1 });
  if (obsolete.length === 0) return;
  const { backend, config } = repository;
  await writeIndexes(packs, groups, { backend, workers, index, version: config.version, signal });
  await confirmLock();
  await removeIndexes(backend, obsolete, signal);
}

/** A pack that cannot be removed takes room and does no harm: it is named, and the others go. */
async function removePacks(
  ids: readonly PackId[],
  { repository, confirmLock, signal, events = ignoreEvents }: ExecuteOptions,
): Promise<void> {
  if (ids.length === 0) return;
  await confirmLock();
  let filesDone = 0;
  const remove = async (name: PackId): Promise<void> => {
    try {
      await repository.backend.remove({ kind: 'pack', name }, { signal });
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      throwIfCancelled(signal);
      if (error.code === 'repository-locked') throw error;
      events({ kind: 'warning', message: `pack ${name} could not be removed: ${error.message}` });
    }
    filesDone++;
    events({ kind: 'progress', operation: 'prune', filesDone, filesTotal: ids.length, bytesDone: 0, errorCount: 0 });
  };
  await mapConcurrently(ids, remove, signal);
}
