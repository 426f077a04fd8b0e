/**
 * Replaces index files by new ones.
 *
 * The order makes a kill at any instant harmless: the new files are durable before the first old one goes, so every blob is in an index
 * at every moment. A kill in between leaves packs that two files name, which harms nobody and is put right by the next rewrite.
 */
import { join } from 'node:path';
import type { IndexId } from '../../base/ids.ts';
import type { Backend } from '../../storage/backend.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import type { PackGroups } from '../../workers/check/pack-groups.ts';
import type { PackEntries } from '../../workers/prune/messages.ts';
import type { GroupedPacks } from '../check/group-packs.ts';
import { mapConcurrently } from '../concurrency.ts';
import { inLanes, type PruneWorkers } from '../prune/prune-workers.ts';

/** restic closes an index at this size too: such a file is about 2 MB, quick to read and to replace. */
const maxBlobsPerIndex = 50_000;
/** Files with less than this are put together when there is something to rewrite anyway. */
const smallIndexBlobs = maxBlobsPerIndex / 2;

export interface IndexPlan {
  /** Files that the new ones replace. */
  readonly obsolete: readonly IndexId[];
  /** Packs, by the numbers of their groups, that the new files name. */
  readonly packs: readonly number[];
}

export interface IndexPlanInputs {
  readonly index: IndexTable;
  readonly grouped: GroupedPacks;
  readonly groups: PackGroups;
  readonly files: ReadonlyMap<IndexId, Uint32Array>;
  /** Whether the index shall no longer know this pack number. */
  readonly isGone: (pack: number) => boolean;
  /** Packs that no file names yet. */
  readonly added?: readonly number[];
}

/** Which files must be written anew: those that name packs that are gone, and those that share a pack with another; small ones join in. */
export function planIndexes({ index, grouped, groups, files, isGone, added = [] }: IndexPlanInputs): IndexPlan {
  const repeated = new Set(grouped.repeated.map(({ group }) => index.packIdHex(group)));
  const isAffected = (packs: Uint32Array): boolean =>
    packs.some((pack) => isGone(pack) || (repeated.size > 0 && repeated.has(index.packIdHex(pack))));
  const isSmall = (packs: Uint32Array): boolean => packs.reduce((sum, pack) => sum + groups.entriesOf(pack).length, 0) < smallIndexBlobs;
  const affected = [...files].filter(([, packs]) => isAffected(packs));
  const small = affected.length + added.length === 0 ? [] : [...files].filter((file) => !affected.includes(file) && isSmall(file[1]));
  const replaced = [...affected, ...small];
  const kept = new Set<number>(added);
  for (const [, packs] of replaced) {
    for (const pack of packs) {
      const group = grouped.groupOf.get(index.packIdHex(pack));
      if (group !== undefined && !isGone(group)) kept.add(group);
    }
  }
  return { obsolete: replaced.map(([id]) => id), packs: [...kept].sort((a, b) => a - b) };
}

export interface IndexWriting {
  readonly backend: Backend;
  readonly workers: PruneWorkers;
  readonly index: IndexTable;
  /** Of the repository's format. */
  readonly version: number;
  readonly signal?: AbortSignal | undefined;
}

/** Names of staged files are unique in the staging folder of this process. */
let fileCount = 0;

/** @returns the id of the file, when it is durable */
export async function writeIndex(
  packs: readonly PackEntries[],
  { backend, workers, index, version, signal }: IndexWriting,
): Promise<IndexId> {
  const stagedPath = join(await backend.stagingFolder({ signal }), `index-${fileCount++}`);
  const { id } = await workers.ask({ kind: 'write-index', index: index.memory, packs, stagedPath, isCompressed: version > 1 });
  await backend.adopt({ kind: 'index', name: id }, stagedPath, { signal });
  return id as IndexId;
}

/** @returns the ids of the new files, when all of them are durable */
export async function writeIndexes(packs: readonly number[], groups: PackGroups, writing: IndexWriting): Promise<IndexId[]> {
  const written: IndexId[] = [];
  await inLanes(writing.workers.lanes, chunksOf(packs, groups), async (chunk) => void written.push(await writeIndex(chunk, writing)));
  return written;
}

/** A file that stays would name packs that go: so the first failure ends it. */
export async function removeIndexes(backend: Backend, ids: readonly IndexId[], signal: AbortSignal | undefined): Promise<void> {
  await mapConcurrently(ids, (name) => backend.remove({ kind: 'index', name }, { signal }), signal);
}

function* chunksOf(packs: readonly number[], groups: PackGroups): Generator<readonly PackEntries[]> {
  let chunk: PackEntries[] = [];
  let blobCount = 0;
  for (const pack of packs) {
    // A copy: the view is one of all entries, and would cross to the worker with them.
    const entries = groups.entriesOf(pack).slice();
    if (blobCount > 0 && blobCount + entries.length > maxBlobsPerIndex) {
      yield chunk;
      [chunk, blobCount] = [[], 0];
    }
    chunk.push({ pack, entries });
    blobCount += entries.length;
  }
  if (chunk.length > 0) yield chunk;
}
