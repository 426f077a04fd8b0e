/**
 * Restores a snapshot, or a folder of it, into a directory.
 *
 * 1. Workers walk the trees: they make directories, links and special files, and put files into the plan.
 * 2. Files that exist already are compared; larger new ones are created.
 * 3. Content goes pack by pack: each blob is read and proved once, and written to all places it belongs to.
 * 4. Hard links, then `--verify`, then `--delete`, and last the metadata of directories, which every earlier step would change.
 *
 * A kill at any point leaves files without their time of modification, which a second run therefore does not take for finished.
 */
import { resolve } from 'node:path';
import { throwIfCancelled } from '../base/cancellation.ts';
import { systemClock } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import { ignoreEvents } from '../base/events.ts';
import { findSubtree } from '../repository/tree/find-node.ts';
import type { RestoreRules } from '../workers/restore/messages.ts';
import { compileRestoreSelection } from '../workers/restore/selection.ts';
import type { RestoreOptions, RestoreRepository, RestoreSummary } from './restore-options.ts';
import { writeContent } from './content-step.ts';
import { FileStep } from './file-step.ts';
import { folderSteps } from './folder-order.ts';
import { RestoreCrew } from './restore-crew.ts';
import type { RestoreProgress } from './restore-progress.ts';
import { RestoreWorkers } from './restore-workers.ts';
import { RestoreTarget } from './restore-target.ts';
import { TreeStep } from './tree-step.ts';
import { restoreCounter } from '../workers/restore/counters.ts';
import type { BlobId } from '../base/ids.ts';

/**
 * What fails for one entry is reported as a failure event and counted: the restore went well only when `failureCount` is 0.
 * @throws HoldfastError `usage` for options that contradict each other, `not-found` for a subfolder, `storage-full` when the
 *   target has no room left, `cancelled`, and errors of the repository
 */
export async function restore(repository: RestoreRepository, options: RestoreOptions): Promise<RestoreSummary> {
  if (options.workers !== undefined) return await restoreWith(options.workers, repository, options);
  await using workers = new RestoreWorkers(options.workerCount);
  return await restoreWith(workers, repository, options);
}

async function restoreWith(workers: RestoreWorkers, repository: RestoreRepository, options: RestoreOptions): Promise<RestoreSummary> {
  const { signal, clock = systemClock, isDryRun = false, events = ignoreEvents } = options;
  const startMs = clock.monotonicMs();
  checkOptions(options);
  throwIfCancelled(signal);
  const index = await repository.loadIndex({ signal, reader: workers.readIndexFile });
  const source = { loadTree: (id: BlobId) => repository.loadTree(id, { signal }) };
  const root = await findSubtree(source, options.snapshot.tree, options.subfolder ?? '/');
  using target = RestoreTarget.open(options.target, isDryRun);
  using crew = new RestoreCrew(workers, repository, index, { signal, events, rules: rulesOf(options), targetFd: target.fd });
  const filesVerified = await runSteps(crew, root, options);
  warnOfLosses(crew);
  return { ...summaryOf(crew.progress), filesVerified, secondsElapsed: (clock.monotonicMs() - startMs) / 1000 };
}

/** @returns the number of files verified */
async function runSteps(
  crew: RestoreCrew,
  root: BlobId,
  { isDryRun = false, verifies = false, deletesUnexpected = false }: RestoreOptions,
): Promise<number> {
  await crew.begin();
  const trees = new TreeStep(crew);
  const files = new FileStep(crew);
  await trees.walk(root, files.addLinks);
  await files.prepare();
  if (!isDryRun) await writeContent(crew);
  await files.makeLinks();
  const filesVerified = verifies ? await files.verify() : 0;
  if (deletesUnexpected) await trees.removeUnexpected();
  for (const step of folderSteps(crew.plan, crew.workerCount)) {
    await crew.forEach(step, async (directories) => void (await crew.ask('done', { kind: 'finish', directories })));
  }
  return filesVerified;
}

function summaryOf(progress: RestoreProgress): Omit<RestoreSummary, 'filesVerified' | 'secondsElapsed'> {
  return {
    totalFiles: progress.sum(restoreCounter.total),
    filesRestored: progress.sum(restoreCounter.restored),
    filesSkipped: progress.sum(restoreCounter.skipped),
    filesDeleted: progress.sum(restoreCounter.deleted),
    totalBytes: progress.sum(restoreCounter.totalBytes),
    bytesRestored: progress.sum(restoreCounter.restoredBytes),
    bytesSkipped: progress.sum(restoreCounter.skippedBytes),
    failureCount: progress.failureCount,
  };
}

/** What a person should know although nothing failed. */
function warnOfLosses(crew: RestoreCrew): void {
  const attributes = crew.progress.sum(restoreCounter.unsupportedAttributes);
  if (attributes > 0) crew.warn(`${attributes} extended attributes were left out: the target's file system cannot hold them`);
  const privileges = crew.progress.sum(restoreCounter.withheldPrivileges);
  if (privileges > 0) crew.warn(`${privileges} files got no setuid and setgid bits, because only root can give them their owner`);
}

function checkOptions(options: RestoreOptions): void {
  const { selection = {}, excludeAttributes = [], includeAttributes = [] } = options;
  const { excludes = [], iexcludes = [], includes = [], iincludes = [] } = selection;
  const hasExcludes = excludes.length + iexcludes.length > 0;
  const hasIncludes = includes.length + iincludes.length > 0;
  if (hasExcludes && hasIncludes) throw contradiction('exclude and include patterns');
  if (excludeAttributes.length > 0 && includeAttributes.length > 0)
    throw contradiction('exclude and include patterns of extended attributes');
  if (options.isDryRun === true && options.verifies === true) throw contradiction('a dry run and the verification of what was written');
  if (options.deletesUnexpected === true && !hasExcludes && !hasIncludes && isRoot(options.target)) throw wouldEmptyMachine();
  // Malformed patterns are found here and not in every worker.
  compileRestoreSelection(selection);
}

function isRoot(target: string | Uint8Array): boolean {
  return resolve(typeof target === 'string' ? target : Buffer.from(target).toString('latin1')) === '/';
}

function contradiction(what: string): HoldfastError {
  return new HoldfastError('usage', `${what} exclude each other`, { hint: 'Leave one of the two away.' });
}

function wouldEmptyMachine(): HoldfastError {
  return new HoldfastError('usage', 'deleting what the snapshot does not have from / would remove the whole system', {
    hint: 'Combine it with include or exclude patterns, or choose another target.',
  });
}

function rulesOf(options: RestoreOptions): RestoreRules {
  return {
    overwrite: options.overwrite ?? 'always',
    removesUnexpected: options.deletesUnexpected ?? false,
    isDryRun: options.isDryRun ?? false,
    ownershipByName: options.ownershipByName ?? false,
    reportItems: options.reportItems ?? false,
    selection: options.selection ?? {},
    excludeAttributes: options.excludeAttributes ?? [],
    includeAttributes: options.includeAttributes ?? [],
  };
}
