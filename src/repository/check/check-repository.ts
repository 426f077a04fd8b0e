/**
 * Proves a repository: that everything snapshots refer to is there and, with `readData`, that every byte of every pack is right.
 *
 * Nothing that is found stops the check. Snapshots are read before the index and packs are listed after it, the reverse of the
 * order of writing: what a backup adds meanwhile is then never missed by something older.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import type { EventSink } from '../../base/events.ts';
import { type CheckMemory, SharedBits } from '../../workers/check/check-memory.ts';
import { PackGroups } from '../../workers/check/pack-groups.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import { type CheckedContents, checkContents } from './check-contents.ts';
import { checkIndex } from './check-index.ts';
import { checkPacks, type StoredPack } from './check-packs.ts';
import { startCheckWorkers } from './check-pool.ts';
import { SmallFileCheck } from './check-small-files.ts';
import type { CheckedRepository } from './checked-repository.ts';
import { type GroupedPacks, groupPacks } from './group-packs.ts';
import { type CheckReport, ProblemList } from './report.ts';

export interface CheckOptions {
  /** Reads every pack: takes as long as reading the repository, and finds every wrong bit in it. */
  readonly readData: boolean;
  /** Chooses which of the packs are read when data is read; all of them unless told. */
  readonly choosePacks?: (packs: readonly StoredPack[]) => readonly StoredPack[];
  /** Called for each pack that was read and is right. */
  readonly onProved?: (pack: string) => void;
  readonly signal?: AbortSignal | undefined;
  readonly events?: EventSink;
  /** Threads besides this one; what suits most machines unless told. */
  readonly workerCount?: number | undefined;
  readonly clock?: Clock;
}

/**
 * @throws HoldfastError `cancelled`; `storage-*` when the storage cannot even be listed. Everything else is in the report.
 */
export async function checkRepository(repository: CheckedRepository, options: CheckOptions): Promise<CheckReport> {
  const { clock = systemClock, signal } = options;
  const startMs = clock.monotonicMs();
  // A check takes and frees many megabytes a second, in several threads.
  const problems = new ProblemList(options.events);
  const { backend, masterKey: key } = repository;
  await using pool = startCheckWorkers(repository, options);
  const roots = await new SmallFileCheck(repository, problems, signal).run();
  const loaded = await checkIndex({ backend, key, problems, pool, signal });
  const { index } = loaded;
  const grouped = groupPacks(loaded);
  const memory = checkMemory(index, grouped);
  const groups = new PackGroups(index, memory);
  const stored = await checkPacks({ backend, groups, grouped, problems, signal });
  await pool.setUp({ kind: 'begin', memory });
  const contents = await checkContents({ repository, options, problems, groups, memory, pool, roots, stored });
  addDuplicateHint(problems, grouped.entryCount - contents.blobs.blobCount);
  throwIfCancelled(signal);
  const secondsElapsed = (clock.monotonicMs() - startMs) / 1000;
  return report(problems, grouped, roots.length, contents, secondsElapsed);
}

function checkMemory(index: IndexTable, { order, groups }: GroupedPacks): CheckMemory {
  const count = index.entryCount;
  return {
    index: index.memory,
    order,
    groups,
    usedBits: SharedBits.memoryFor(count),
    claimedBits: SharedBits.memoryFor(count),
    parents: new SharedArrayBuffer(count * 4),
  };
}

function addDuplicateHint(problems: ProblemList, duplicateCount: number): void {
  if (duplicateCount <= 0) return;
  const message = `${duplicateCount} blobs are stored more than once`;
  problems.add({ severity: 'hint', kind: 'blob-duplicate', message, context: { blobCount: duplicateCount } });
}

function report(
  problems: ProblemList,
  grouped: GroupedPacks,
  snapshotCount: number,
  { blobs, treeCount, packsRead, bytesRead, storedBytes }: CheckedContents,
  secondsElapsed: number,
): CheckReport {
  return {
    errors: problems.errors,
    warnings: problems.warnings,
    hints: problems.hints,
    errorCount: problems.errorCount,
    packCount: grouped.groupOf.size,
    blobCount: blobs.blobCount,
    snapshotCount,
    treeCount,
    unusedBlobCount: blobs.unusedCount,
    unusedBytes: blobs.unusedBytes,
    brokenPacks: [...problems.brokenPacks],
    brokenSnapshots: [...problems.brokenSnapshots],
    suggestRepairIndex: problems.suggestRepairIndex,
    suggestPrune: problems.suggestPrune,
    packsRead,
    bytesRead,
    storedBytes,
    secondsElapsed,
  };
}
