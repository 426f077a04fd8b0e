/** What a policy keeps and what goes: a table of each for every group, with the reasons; or restic's JSON. */
import type { ForgetGroup } from '../../repository/forget/plan-forget.ts';
import type { StoredSnapshot } from '../../repository/snapshots.ts';
import type { Counters } from '../../retention/apply-policy.ts';
import { describeGroup, groupKeyOf } from '../snapshot-groups.ts';
import { count } from './format.ts';
import { snapshotJson, snapshotTable } from './snapshot-text.ts';

export function forgetLines({ key, keep, remove, reasons }: ForgetGroup, isCompact: boolean): string[] {
  const group = describeGroup(key);
  const reasonsOf = new Map(reasons.map(({ snapshot, matches }) => [snapshot, matches]));
  return [
    ...(group === '' ? [] : [`snapshots for (${group}):`, '']),
    ...section('keep', keep, isCompact, reasonsOf),
    ...section('remove', remove, isCompact),
  ];
}

/** Tables are oldest first, as everywhere. */
function section(
  what: 'keep' | 'remove',
  newestFirst: readonly StoredSnapshot[],
  isCompact: boolean,
  reasonsOf?: ReadonlyMap<StoredSnapshot, readonly string[]>,
): string[] {
  if (newestFirst.length === 0) return [];
  return [`${what} ${count(newestFirst.length, 'snapshot')}:`, ...snapshotTable(newestFirst.toReversed(), isCompact, reasonsOf), ''];
}

/** One object of the array. The counters were in the JSON of older versions of restic; what is 0 is left out, as there. */
export function forgetGroupJson({ key, keep, remove, reasons }: ForgetGroup): string {
  const { hostname, paths, tags } = groupKeyOf(key);
  const texts = new Map([...keep, ...remove].map((snapshot) => [snapshot, snapshotJson(snapshot)]));
  const list = (items: readonly string[]) => (items.length === 0 ? 'null' : `[${items.join(',')}]`);
  const textsOf = (snapshots: readonly StoredSnapshot[]) => list(snapshots.map((snapshot) => texts.get(snapshot) ?? ''));
  const reasonTexts = reasons.map(
    ({ snapshot, matches, counters }) =>
      `{"snapshot":${texts.get(snapshot)},"matches":${JSON.stringify(matches)},"counters":${JSON.stringify(usedCounters(counters))}}`,
  );
  const group = JSON.stringify({ tags, host: hostname, paths }).slice(0, -1);
  return `${group},"keep":${textsOf(keep)},"remove":${textsOf(remove)},"reasons":${list(reasonTexts)}}`;
}

function usedCounters(counters: Counters): Partial<Counters> {
  return Object.fromEntries(Object.entries(counters).filter(([, left]) => left !== 0));
}

/** Snapshots that were named to be removed. */
export function forgottenLines(snapshots: readonly StoredSnapshot[], isCompact: boolean): string[] {
  return section('remove', snapshots.toReversed(), isCompact);
}

/** restic prints nothing for them; here they are one group without anything in common. */
export function forgottenJson(snapshots: readonly StoredSnapshot[]): string {
  return `[{"tags":null,"host":"","paths":null,"keep":null,"remove":[${snapshots.map((snapshot) => snapshotJson(snapshot)).join(',')}],"reasons":null}]`;
}
