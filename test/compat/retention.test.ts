/** `forget --dry-run --json` of both programs on one repository with hundreds of generated histories, each on a host of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { applyPolicy } from '../../src/retention/apply-policy.ts';
import { countedRules, type KeepPolicy, periods, unlimited } from '../../src/retention/policy.ts';
import { formatTimeSpan, isEmptySpan, type TimeSpan, type ZoneOffset } from '../../src/retention/time-span.ts';
import { type HistoryEntry, histories, policies } from '../support/arbitrary-histories.ts';
import { localRepository } from '../support/new-repository.ts';
import { newestRestic, requirePeer } from '../support/peers.ts';
import { plantSnapshots } from '../support/planted-snapshots.ts';
import { SharedRepository } from '../support/shared-repository.ts';

const historyCount = 250;
const policiesPerZone = 5;
const zones = ['UTC', 'Europe/Berlin', 'America/New_York'] as const;
const seed = Math.floor(Math.random() * 2 ** 31);

interface Planted extends HistoryEntry {
  readonly id: string;
}

interface Group {
  readonly host: string;
  readonly keep: readonly object[] | null;
  readonly remove: readonly object[] | null;
  readonly reasons:
    | readonly { readonly snapshot: { readonly id: string }; readonly matches: readonly string[]; readonly counters?: object }[]
    | null;
}

const cleanups: (() => void)[] = [];
let shared: SharedRepository | undefined;
/** By host. */
const planted = new Map<string, readonly Planted[]>();

before(async () => {
  const peer = newestRestic();
  if (peer === undefined) return;
  shared = SharedRepository.at({ after: (work) => cleanups.push(work) }, peer);
  await using repository = await localRepository(shared.path);
  for (const [number, history] of fc.sample(histories, { numRuns: historyCount, seed }).entries()) {
    const hostname = `h${number}`;
    const ids = await plantSnapshots(
      repository,
      history.map(({ time, tags }) => ({ time, tags, hostname })),
    );
    planted.set(
      hostname,
      history.map((entry, index) => ({ ...entry, id: ids[index] ?? '' })),
    );
  }
});

after(() => {
  for (const work of cleanups) work();
});

describe(`retention decides as restic does (seed ${seed})`, () => {
  for (const [number, zone] of zones.entries()) {
    it(`where the zone is ${zone}`, async (t) => {
      if (requirePeer(t, 'newest restic') === undefined || shared === undefined) return;
      for (const policy of samplePolicies(seed + number)) await compare(shared, policy, zone);
    });
  }

  it('and says so with the same fields', async (t) => {
    if (requirePeer(t, 'newest restic') === undefined || shared === undefined) return;
    for (const grouping of ['host,paths', 'tags', '']) {
      const [ours, theirs] = await both(
        shared,
        ['--keep-last', '3', '--keep-monthly', '2', '--group-by', grouping, '--host', hostWithoutTies()],
        'UTC',
      );
      assert.deepEqual(byKey(withoutCounters(ours)), byKey(JSON.parse(JSON.stringify(theirs, inOrder)) as Group[]), grouping);
    }
  });
});

/** A policy of tags alone may keep nothing of some host, and is refused by both then. */
function samplePolicies(from: number): KeepPolicy[] {
  const keepsSome = policies.filter(({ counts, within }) => countedRules.some((rule) => counts[rule] !== 0) || isRule(within));
  return fc.sample(keepsSome, { numRuns: policiesPerZone, seed: from });
}

function isRule(span: TimeSpan | undefined): span is TimeSpan {
  return span !== undefined && !isEmptySpan(span);
}

async function compare(repository: SharedRepository, policy: KeepPolicy, zone: string): Promise<void> {
  const args = optionsOf(policy);
  const [ours, theirs] = await both(repository, ['--group-by', 'host', ...args], zone);
  assert.equal(theirs.length, historyCount);
  const oursByHost = new Map(ours.map((group) => [group.host, group]));
  for (const group of theirs) {
    const decision = decisionOf(group);
    const ourDecision = decisionOf(oursByHost.get(group.host));
    if (JSON.stringify(ourDecision) === JSON.stringify(decision)) continue;
    // restic takes snapshots of one moment in whatever order they were loaded: then its decision must be ours for one of the orders.
    const history = planted.get(group.host) ?? [];
    const isExplained = ordersOfTies(history).some((order) => JSON.stringify(decide(order, policy, zone)) === JSON.stringify(decision));
    if (!isExplained) assert.deepEqual(ourDecision, decision, `${group.host} with ${args.join(' ')} in ${zone}:\n${timesOf(history)}`);
  }
}

async function both(repository: SharedRepository, options: readonly string[], zone: string): Promise<[Group[], Group[]]> {
  const args = ['forget', '--dry-run', '--json', ...options];
  const ours = JSON.parse((await repository.holdfast(args, { env: { TZ: zone } })).stdout) as Group[];
  const theirs = JSON.parse((await repository.restic(args, { env: { TZ: zone } })).stdout) as Group[];
  return [ours, theirs];
}

function optionsOf({ counts, within, withinPeriods, tagLists }: KeepPolicy): string[] {
  const spanOption = (name: string, span: TimeSpan | undefined) => (isRule(span) ? [`--${name}=${formatTimeSpan(span)}`] : []);
  return [
    ...countedRules.map((rule) => `--keep-${rule}=${counts[rule] === unlimited ? 'unlimited' : (counts[rule] ?? 0)}`),
    ...spanOption('keep-within', within),
    ...periods.flatMap((period) => spanOption(`keep-within-${period}`, withinPeriods[period])),
    ...tagLists.map((list) => `--keep-tag=${list.join(',')}`),
  ];
}

/** Of each snapshot that stays the reasons, by its id. */
function decisionOf(group: Group | undefined): Record<string, readonly string[]> {
  return sorted((group?.reasons ?? []).map(({ snapshot, matches }) => [snapshot.id, matches]));
}

function decide(history: readonly Planted[], policy: KeepPolicy, zone: string): Record<string, readonly string[]> {
  const { reasons } = applyPolicy(history, policy, { nowNs: BigInt(Date.now()) * 1_000_000n, zone: offsetIn(zone) });
  return sorted(reasons.map(({ snapshot, matches }) => [snapshot.id, matches]));
}

function sorted(entries: [string, readonly string[]][]): Record<string, readonly string[]> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Every order in which the snapshots of each moment can stand. */
function ordersOfTies(history: readonly Planted[]): Planted[][] {
  const moments = Map.groupBy(history, ({ timeNs }) => timeNs);
  return [...moments.values()].reduce<Planted[][]>(
    (orders, ties) => orders.flatMap((order) => permutations(ties).map((next) => [...order, ...next])),
    [[]],
  );
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

function offsetIn(timeZone: string): ZoneOffset {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  return (seconds) => {
    const name = format.formatToParts(seconds * 1000).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours = '0', minutes = '0'] = /GMT([+-])(\d\d):(\d\d)/u.exec(name) ?? [];
    return (Number(hours) * 3600 + Number(minutes) * 60) * (sign === '-' ? -1 : 1);
  };
}

function hostWithoutTies(): string {
  const [host] =
    [...planted].find(([, history]) => history.length > 5 && new Set(history.map(({ timeNs }) => timeNs)).size === history.length) ?? [];
  assert.ok(host !== undefined);
  return host;
}

/** restic prints groups in no order. */
function byKey(groups: readonly Group[]): Record<string, Group> {
  return Object.fromEntries(groups.map((group) => [JSON.stringify({ ...group, keep: 0, remove: 0, reasons: 0 }), group]));
}

/** As restic's older versions: what is left of the counts. The newest has them no more. */
function withoutCounters(groups: readonly Group[]): Group[] {
  for (const { reasons } of groups) assert.ok(reasons?.every(({ counters }) => typeof counters === 'object') ?? true);
  return JSON.parse(JSON.stringify(groups, (key, value: unknown) => (key === 'counters' ? undefined : inOrder(key, value)))) as Group[];
}

/** restic puts tags in order when it groups by them, in what it prints too. */
function inOrder(key: string, value: unknown): unknown {
  return key === 'tags' && Array.isArray(value) ? (value as string[]).toSorted() : value;
}

function timesOf(history: readonly Planted[]): string {
  return history.map(({ id, time, tags }) => `${id.slice(0, 8)} ${time} ${tags.join(',')}`).join('\n');
}
