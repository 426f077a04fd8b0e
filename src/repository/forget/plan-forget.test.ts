import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobId, SnapshotId } from '../../base/ids.ts';
import { emptyPolicy, type KeepPolicy } from '../../retention/policy.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import { type ForgetOptions, planForget } from './plan-forget.ts';

function snapshot(day: number, changes: Partial<StoredSnapshot> = {}): StoredSnapshot {
  const time = `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`;
  const id = String(day).padStart(64, '0') as SnapshotId;
  const rest = { tree: 'ab'.repeat(32) as BlobId, paths: ['/a'], hostname: 'h', username: 'u', uid: 0, gid: 0, excludes: [], tags: [] };
  return { ...rest, id, time, timeNs: BigInt(Date.parse(time)) * 1_000_000n, ...changes };
}

function options(policy: Partial<KeepPolicy>, changes: Partial<ForgetOptions> = {}): ForgetOptions {
  return {
    policy: { ...emptyPolicy, ...policy },
    grouping: { byHost: true, byPaths: true, byTags: false },
    mayRemoveAll: false,
    nowNs: BigInt(Date.UTC(2027, 0, 1)) * 1_000_000n,
    zone: () => 0,
    ...changes,
  };
}

const days = (list: readonly StoredSnapshot[]) => list.map(({ id }) => Number(id));

describe('forgetting by rules', () => {
  it('judges each group by itself, and removes the oldest of all first', () => {
    const list = [
      snapshot(1),
      snapshot(2, { hostname: 'other' }),
      snapshot(3),
      snapshot(4, { hostname: 'other' }),
      snapshot(5, { paths: ['/b', '/a'] }),
    ];
    const plan = planForget(list, options({ counts: { last: 1 } }));
    assert.deepEqual(
      plan.groups.map(({ keep }) => days(keep)),
      [[3], [4], [5]],
    );
    assert.deepEqual(days(plan.remove), [1, 2]);
    assert.deepEqual(plan.groups[2]?.key, { hostname: 'h', paths: ['/a', '/b'], tags: undefined });
  });

  it('takes all together when nothing groups', () => {
    const list = [snapshot(1), snapshot(2, { hostname: 'other' })];
    const grouping = { byHost: false, byPaths: false, byTags: false };
    assert.deepEqual(days(planForget(list, options({ counts: { last: 1 } }, { grouping })).remove), [1]);
  });

  it('keeps of several of one moment the one that `latest` means', () => {
    const [a, b] = [snapshot(1), snapshot(2, { time: '2026-01-01T00:00:00Z', timeNs: snapshot(1).timeNs })];
    assert.deepEqual(days(planForget([a, b], options({ counts: { last: 1 } })).remove), [1]);
  });

  it('is refused without a rule', () => {
    assert.throws(() => planForget([snapshot(1)], options({})), { code: 'usage', message: /no rule says what to keep/ });
  });

  it('is refused when one group would lose all, before any other loses one', () => {
    const list = [snapshot(1, { tags: ['x'] }), snapshot(2), snapshot(3, { hostname: 'other' })];
    assert.throws(() => planForget(list, options({ tagLists: [['x']] })), {
      code: 'usage',
      message: /every snapshot of host "other", paths \["\/a"\], so/,
    });
  });

  it('removes all where that is said explicitly', () => {
    const list = [snapshot(1), snapshot(2)];
    assert.deepEqual(days(planForget(list, options({}, { mayRemoveAll: true })).remove), [1, 2]);
    assert.deepEqual(days(planForget(list, options({ tagLists: [['x']] }, { mayRemoveAll: true })).remove), [1, 2]);
  });

  it('of nothing is nothing', () => {
    assert.deepEqual(planForget([], options({ counts: { last: 1 } })), { groups: [], remove: [] });
  });
});
