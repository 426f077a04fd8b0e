import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type HistoryEntry, histories, policies } from '../../test/support/arbitrary-histories.ts';
import { applyPolicy } from './apply-policy.ts';
import { countedRules, type KeepPolicy, periods, unlimited } from './policy.ts';
import type { TimeSpan, ZoneOffset } from './time-span.ts';

/** Central Europe, where all years change their clocks alike: what counts here is that they change at all. */
const berlin: ZoneOffset = (seconds) => {
  const month = new Date(seconds * 1000).getUTCMonth();
  return month >= 3 && month < 10 ? 7200 : 3600;
};

const afterAll = BigInt(Date.UTC(2100, 0, 1)) * 1_000_000n;

function kept(snapshots: readonly HistoryEntry[], policy: KeepPolicy, nowNs = afterAll): Set<HistoryEntry> {
  return new Set(applyPolicy(snapshots, policy, { nowNs, zone: berlin }).keep);
}

/** The policy that has the rules of both, where the first has none; else it is raised by what the other says. */
function raise(policy: KeepPolicy, by: KeepPolicy): KeepPolicy {
  return {
    counts: Object.fromEntries(countedRules.map((rule) => [rule, sum(policy.counts[rule] ?? 0, by.counts[rule] ?? 0)])),
    within: longer(policy.within, by.within),
    withinPeriods: Object.fromEntries(periods.map((period) => [period, longer(policy.withinPeriods[period], by.withinPeriods[period])])),
    tagLists: [...policy.tagLists, ...by.tagLists],
  };
}

function sum(a: number, b: number): number {
  return a === unlimited || b === unlimited ? unlimited : a + b;
}

function longer(a: TimeSpan | undefined, b: TimeSpan | undefined): TimeSpan | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { years: a.years + b.years, months: a.months + b.months, days: a.days + b.days, hours: a.hours + b.hours };
}

/** One policy for each rule of a policy. */
function singleRules(policy: KeepPolicy): KeepPolicy[] {
  const none: KeepPolicy = { counts: {}, withinPeriods: {}, tagLists: [] };
  return [
    ...countedRules.map((rule) => ({ ...none, counts: { [rule]: policy.counts[rule] ?? 0 } })),
    { ...none, within: policy.within },
    ...periods.map((period) => ({ ...none, withinPeriods: { [period]: policy.withinPeriods[period] } })),
    ...policy.tagLists.map((list) => ({ ...none, tagLists: [list] })),
  ];
}

describe('retention, whatever the history', () => {
  it('keeps or removes each snapshot, once', () => {
    fc.assert(
      fc.property(histories, policies, (history, policy) => {
        const { keep, remove, reasons } = applyPolicy(history, policy, { nowNs: afterAll, zone: berlin });
        assert.equal(keep.length + remove.length, history.length);
        assert.equal(new Set([...keep, ...remove]).size, history.length);
        assert.deepEqual(
          reasons.map(({ snapshot }) => snapshot),
          keep,
        );
        assert.ok(reasons.every(({ matches }) => matches.length > 0));
      }),
    );
  });

  it('never removes by a raised count, a longer span or one more rule what was kept without it', () => {
    fc.assert(
      fc.property(histories, policies, policies, (history, policy, by) => {
        assertIncludes(kept(history, raise(policy, by)), kept(history, policy));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps by several rules exactly what one of them keeps alone', () => {
    fc.assert(
      fc.property(histories, policies, (history, policy) => {
        const alone = new Set(singleRules(policy).flatMap((rule) => [...kept(history, rule)]));
        assert.deepEqual(kept(history, policy), alone);
      }),
      { numRuns: 1000 },
    );
  });

  it('decides the same after a part of what was to be removed has gone', () => {
    fc.assert(
      fc.property(histories, policies, fc.infiniteStream(fc.boolean()), (history, policy, isGone) => {
        const keep = kept(history, policy);
        const left = history.filter((entry) => keep.has(entry) || isGone.next().value === false);
        assert.deepEqual(kept(left, policy), keep);
      }),
      { numRuns: 1000 },
    );
  });

  it('removes nothing more after a part has gone, even with snapshots from the future', () => {
    fc.assert(
      fc.property(histories, policies, fc.infiniteStream(fc.boolean()), fc.nat(), (history, policy, isGone, at) => {
        const nowNs = history[at % history.length]?.timeNs ?? 0n;
        const keep = kept(history, policy, nowNs);
        const left = history.filter((entry) => keep.has(entry) || isGone.next().value === false);
        assertIncludes(kept(left, policy, nowNs), keep);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps as many as are there, up to the count', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 30 }), (history, last) => {
        const policy = { counts: { last }, withinPeriods: {}, tagLists: [] };
        assert.equal(kept(history, policy).size, Math.min(last, history.length));
      }),
    );
  });

  it('keeps one of each day on which there is one, where the offset stays the same', () => {
    fc.assert(
      fc.property(histories, (mixed) => {
        const offset = mixed[0]?.time.slice(-6) ?? '';
        const history = mixed.filter(({ time }) => time.slice(-6) === offset);
        const days = new Set(history.map(({ time }) => time.slice(0, 10)));
        const policy = { counts: { daily: days.size }, withinPeriods: {}, tagLists: [] };
        assert.deepEqual(new Set([...kept(history, policy)].map(({ time }) => time.slice(0, 10))), days);
      }),
    );
  });

  it('decides alike in whatever order the snapshots come, but for those of the same moment', () => {
    fc.assert(
      fc.property(histories, policies, (history, policy) => {
        const distinct = [...new Map(history.map((entry) => [entry.timeNs, entry])).values()];
        assert.deepEqual(kept(distinct.toReversed(), policy), kept(distinct, policy));
      }),
    );
  });
});

function assertIncludes(larger: ReadonlySet<HistoryEntry>, smaller: ReadonlySet<HistoryEntry>): void {
  const missing = [...smaller].filter((entry) => !larger.has(entry));
  assert.deepEqual(missing, []);
}
