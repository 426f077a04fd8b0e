/** The part of a check that takes long: all trees and, where told, all packs, at the same time. */
import { systemRandomness } from '../../base/clock.ts';
import { ignoreEvents } from '../../base/events.ts';
import { Sealer } from '../../crypto/sealer.ts';
import type { CheckMemory } from '../../workers/check/check-memory.ts';
import type { CheckRequest, CheckResponse } from '../../workers/check/messages.ts';
import type { PackGroups } from '../../workers/check/pack-groups.ts';
import { PackJobs } from '../../workers/check/pack-job.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { BlobLoader, localPackFolder } from '../blobs/blob-loader.ts';
import type { StoredPack } from './check-packs.ts';
import { CheckProgress } from './check-progress.ts';
import type { CheckOptions } from './check-repository.ts';
import type { RootTree } from './check-small-files.ts';
import type { CheckedRepository } from './checked-repository.ts';
import { type BlobCounts, countBlobs } from './count-blobs.ts';
import { PackReading } from './pack-reading.ts';
import type { ProblemList } from './report.ts';
import { TreeProblems } from './tree-problems.ts';
import { TreeWalk } from './tree-walk.ts';

export interface ContentInputs {
  readonly repository: CheckedRepository;
  readonly options: CheckOptions;
  readonly problems: ProblemList;
  readonly groups: PackGroups;
  readonly memory: CheckMemory;
  /** Its workers have begun. */
  readonly pool: WorkerPool<CheckRequest, CheckResponse>;
  readonly roots: readonly RootTree[];
  readonly stored: readonly StoredPack[];
}

export interface CheckedContents {
  readonly blobs: BlobCounts;
  readonly treeCount: number;
  readonly packsRead: number;
  readonly bytesRead: number;
  readonly storedBytes: number;
}

export async function checkContents({
  repository,
  options,
  problems,
  groups,
  memory,
  pool,
  roots,
  stored,
}: ContentInputs): Promise<CheckedContents> {
  const { backend, masterKey } = repository;
  const { signal, readData, choosePacks, onProved, events = ignoreEvents } = options;
  const { index } = groups;
  const packFolder = localPackFolder(backend);
  const isLocal = packFolder !== undefined;
  using loader = new BlobLoader(backend, masterKey, index);
  const found = new TreeProblems();
  const onProblems = found.add.bind(found);
  const jobs = new PackJobs(groups, new Sealer(masterKey, systemRandomness), packFolder);
  const walk = new TreeWalk({ index, memory, pool, loader: isLocal ? undefined : loader, onProblems, signal });
  const packs = readData ? (choosePacks?.(stored) ?? stored) : [];
  const reading = new PackReading({ backend, pool, problems, isLocal, jobs, signal, packs, onProved });
  using _progress = new CheckProgress({ events, reading, walk, problems });
  await settleAll([reading.run(), walk.run(roots)]);
  await found.report(problems, { index, memory, walk, trees: loader });
  const blobs = await countBlobs(pool, index.entryCount);
  const storedBytes = stored.reduce((sum, pack) => sum + pack.sizeBytes, 0);
  return { blobs, treeCount: walk.treeCount, packsRead: reading.packsRead, bytesRead: reading.bytesRead, storedBytes };
}

/** As Promise.all, but nothing runs any more when it returns. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
