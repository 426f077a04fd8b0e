/** Compares what the indexes say of packs with itself and with the packs that the storage has, without reading them. */
import type { Backend } from '../../storage/backend.ts';
import type { PackGroups } from '../../workers/check/pack-groups.ts';
import { type CheckProblem, errorProblem } from '../../workers/check/problem.ts';
import type { GroupedPacks, RepeatedPack } from './group-packs.ts';
import type { ProblemList } from './report.ts';

/** A pack that can be read: its group, and the bytes that the storage says it has. */
export interface StoredPack {
  readonly group: number;
  readonly id: string;
  readonly sizeBytes: number;
}

export interface PackCheckInputs {
  readonly backend: Backend;
  readonly groups: PackGroups;
  readonly grouped: GroupedPacks;
  readonly problems: ProblemList;
  readonly signal: AbortSignal | undefined;
}

/** @returns the packs that are both in an index and in the storage */
export async function checkPacks(inputs: PackCheckInputs): Promise<StoredPack[]> {
  const { grouped, problems } = inputs;
  for (const repeated of grouped.repeated) problems.add(describeRepeated(inputs.groups, repeated));
  const stored = await compareWithStorage(inputs);
  const present = new Set(stored.map((pack) => pack.group));
  for (const [id, group] of grouped.groupOf) {
    checkGroup(inputs, id, group);
    if (!present.has(group)) problems.add(errorProblem('pack-missing', `pack ${id} is in the index but not in the storage`, { pack: id }));
  }
  return stored;
}

async function compareWithStorage({ backend, groups, grouped, problems, signal }: PackCheckInputs): Promise<StoredPack[]> {
  const stored: StoredPack[] = [];
  for await (const { name: id, sizeBytes } of backend.list('pack', { signal })) {
    const group = grouped.groupOf.get(id);
    if (group === undefined) {
      problems.add({ severity: 'hint', kind: 'pack-unindexed', message: `pack ${id} is in no index`, context: { pack: id, sizeBytes } });
      continue;
    }
    stored.push({ group, id, sizeBytes });
    const expectedBytes = groups.expectedSize(group);
    if (sizeBytes === expectedBytes) continue;
    const message = `pack ${id} has ${sizeBytes} bytes instead of the ${expectedBytes} that its blobs and header need`;
    problems.add(errorProblem('pack-size', message, { pack: id, sizeBytes, expectedBytes }));
  }
  return stored;
}

function checkGroup({ groups, problems }: PackCheckInputs, id: string, group: number): void {
  const entries = groups.entriesOf(group);
  const misplaced = groups.firstMisplaced(group);
  if (misplaced >= 0) {
    const entry = entries[misplaced] ?? 0;
    const blob = groups.index.idHex(entry);
    const message = `the index places blob ${blob} in pack ${id} at ${groups.index.offsetOf(entry)}, which is not where the blob before it ends`;
    problems.add(errorProblem('pack-layout', message, { pack: id, blob }));
  }
  const first = groups.index.typeOf(entries[0] ?? 0);
  if (entries.every((entry) => groups.index.typeOf(entry) === first)) return;
  problems.add({ severity: 'hint', kind: 'pack-mixed', message: `pack ${id} has both data and trees`, context: { pack: id } });
}

function describeRepeated(groups: PackGroups, { group, indexes, isConsistent }: RepeatedPack): CheckProblem {
  const pack = groups.index.packIdHex(group);
  const context = { pack, indexes: indexes.join(' ') };
  if (!isConsistent) return errorProblem('pack-layout', `the indexes ${indexes.join(', ')} say different things of pack ${pack}`, context);
  const message =
    indexes.length === 1
      ? `pack ${pack} is in index ${indexes[0]} more than once`
      : `pack ${pack} is in several indexes: ${indexes.join(', ')}`;
  return { severity: 'hint', kind: 'pack-duplicate', message, context };
}
