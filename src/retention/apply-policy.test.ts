import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyPolicy, type DatedSnapshot, type RetentionPlan } from './apply-policy.ts';
import { describePolicy, emptyPolicy, isEmptyPolicy, type KeepPolicy, unlimited } from './policy.ts';
import { parseTimeSpan } from './time-span.ts';

interface Named extends DatedSnapshot {
  readonly name: string;
}

const now = BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n;

function named(time: string, ...tags: string[]): Named {
  return { name: time, time, timeNs: BigInt(Date.parse(time)) * 1_000_000n, tags };
}

function apply(snapshots: readonly Named[], policy: Partial<KeepPolicy>): RetentionPlan<Named> {
  return applyPolicy(snapshots, { ...emptyPolicy, ...policy }, { nowNs: now, zone: () => 0 });
}

/** Each kept snapshot with its reasons, newest first. */
function reasons(snapshots: readonly Named[], policy: Partial<KeepPolicy>): Record<string, readonly string[]> {
  return Object.fromEntries(apply(snapshots, policy).reasons.map(({ snapshot, matches }) => [snapshot.name, matches]));
}

const span = (text: string) => parseTimeSpan(text, 'test');

describe('a policy', () => {
  it('keeps the newest of each period, and says why', () => {
    const list = ['2025-12-30T08:00:00Z', '2025-12-31T08:00:00Z', '2025-12-31T20:00:00Z'].map((time) => named(time));
    assert.deepEqual(reasons(list, { counts: { last: 1, daily: 2 } }), {
      '2025-12-31T20:00:00Z': ['last snapshot', 'daily snapshot'],
      '2025-12-30T08:00:00Z': ['daily snapshot'],
    });
  });

  it('says what is left of each count', () => {
    const [first, second] = apply([named('2025-12-30T08:00:00Z'), named('2025-12-31T08:00:00Z')], {
      counts: { last: 3, yearly: unlimited },
    }).reasons;
    assert.deepEqual(first?.counters, { last: 2, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: unlimited });
    assert.equal(second?.counters.last, 1);
  });

  it('keeps the oldest snapshot while a count is not used up', () => {
    const list = ['2025-12-31T08:00:00Z', '2025-12-31T09:00:00Z', '2025-12-31T10:00:00Z'].map((time) => named(time));
    assert.deepEqual(reasons(list, { counts: { daily: 2 } }), {
      '2025-12-31T10:00:00Z': ['daily snapshot'],
      '2025-12-31T08:00:00Z': ['oldest daily snapshot'],
    });
    assert.deepEqual(Object.keys(reasons(list, { counts: { daily: 1 } })), ['2025-12-31T10:00:00Z']);
  });

  it('goes by the clock of the snapshot, not by that of this machine', () => {
    // One moment later, but on the day before.
    const list = [named('2025-06-02T00:30:00+02:00'), named('2025-06-01T23:30:00Z')];
    assert.equal(apply(list, { counts: { daily: unlimited } }).keep.length, 2);
    assert.equal(
      apply([named('2025-06-02T00:30:00+02:00'), named('2025-06-02T01:30:00+02:00'), named('2025-06-01T00:00:00Z')], {
        counts: { daily: 2 },
      }).remove.length,
      1,
    );
  });

  it('keeps the hour that a clock goes through twice once, and a leap day as a day', () => {
    const twice = [named('2025-10-26T02:15:00+02:00'), named('2025-10-26T02:45:00+01:00'), named('2025-10-26T00:15:00+02:00')];
    assert.deepEqual(Object.keys(reasons(twice, { counts: { hourly: unlimited } })), [
      '2025-10-26T02:45:00+01:00',
      '2025-10-26T00:15:00+02:00',
    ]);
    const leap = ['2024-02-28T12:00:00Z', '2024-02-29T12:00:00Z', '2024-03-01T12:00:00Z'].map((time) => named(time));
    assert.equal(apply(leap, { counts: { daily: 3 } }).keep.length, 3);
  });

  it('counts weeks after ISO 8601, over the end of a year', () => {
    const list = ['2024-12-29T12:00:00Z', '2024-12-30T12:00:00Z', '2025-01-05T12:00:00Z', '2025-01-06T12:00:00Z'].map((time) =>
      named(time),
    );
    assert.deepEqual(Object.keys(reasons(list, { counts: { weekly: 3 } })), [
      '2025-01-06T12:00:00Z',
      '2025-01-05T12:00:00Z',
      '2024-12-29T12:00:00Z',
    ]);
  });

  it('counts spans back from the newest snapshot that is not in the future', () => {
    const list = ['2025-01-01T00:00:00Z', '2025-01-08T00:00:00Z', '2025-01-09T00:00:00Z', '2030-01-01T00:00:00Z'].map((time) =>
      named(time),
    );
    assert.deepEqual(reasons(list, { within: span('1d') }), {
      '2030-01-01T00:00:00Z': ['within 1d'],
      '2025-01-09T00:00:00Z': ['within 1d'],
    });
    assert.deepEqual(Object.keys(reasons(list.slice(0, 3), { withinPeriods: { monthly: span('8d') } })), ['2025-01-09T00:00:00Z']);
    assert.deepEqual(reasons(list.slice(0, 3), { withinPeriods: { monthly: span('9d') } }), {
      '2025-01-09T00:00:00Z': ['monthly within 9d'],
      '2025-01-01T00:00:00Z': ['oldest monthly within 9d'],
    });
  });

  it('keeps all within any span when every snapshot is in the future', () => {
    assert.equal(apply([named('2030-01-01T00:00:00Z'), named('2031-01-01T00:00:00Z')], { within: span('1h') }).keep.length, 2);
  });

  it('keeps what has all tags of a list, and with an empty tag what has none', () => {
    const list = [named('2025-01-03T00:00:00Z', 'a', 'b'), named('2025-01-02T00:00:00Z', 'b'), named('2025-01-01T00:00:00Z')];
    assert.deepEqual(reasons(list, { tagLists: [['a', 'b'], [''], ['a']] }), {
      '2025-01-03T00:00:00Z': ['has tags [a, b]', 'has tags [a]'],
      '2025-01-01T00:00:00Z': ['has tags []'],
    });
  });

  it('takes the first that it was given for the newest of the same moment', () => {
    const list = ['x', 'y', 'z'].map((name) => ({ ...named('2025-01-01T00:00:00Z'), name }));
    assert.deepEqual(
      apply(list, { counts: { last: 1 } }).keep.map(({ name }) => name),
      ['x'],
    );
  });

  it('without rules keeps nothing, and says that it is empty', () => {
    assert.equal(apply([named('2025-01-01T00:00:00Z')], {}).remove.length, 1);
    assert.deepEqual(apply([], { counts: { last: 1 } }), { keep: [], remove: [], reasons: [] });
    assert.ok(isEmptyPolicy({ ...emptyPolicy, counts: { last: 0 }, within: span('0d') }));
    assert.ok(!isEmptyPolicy({ ...emptyPolicy, tagLists: [['']] }));
  });

  it('can be told in words', () => {
    const policy = {
      counts: { last: 2, daily: unlimited },
      within: span('1y'),
      withinPeriods: { weekly: span('2m') },
      tagLists: [['a', 'b'], ['']],
    };
    assert.deepEqual(describePolicy(policy), ['2 last', 'all daily', 'within 1y', 'weekly within 2m', 'tags a,b', 'tags (none)']);
  });
});
