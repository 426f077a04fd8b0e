/** What forgetting by rules would do: decided for all groups before anything is done for one. */
import { HoldfastError } from '../../base/errors.ts';
import { applyPolicy, type PolicyTime, type RetentionPlan } from '../../retention/apply-policy.ts';
import { isEmptyPolicy, type KeepPolicy } from '../../retention/policy.ts';
import type { ParentGrouping } from '../find-parent.ts';
import { groupSnapshots, type SnapshotGroup } from '../snapshot-groups.ts';
import type { StoredSnapshot } from '../snapshots.ts';

export interface ForgetOptions extends PolicyTime {
  readonly policy: KeepPolicy;
  /** The policy is applied to each group by itself. */
  readonly grouping: ParentGrouping;
  /** Says explicitly that a group may lose all its snapshots. */
  readonly mayRemoveAll: boolean;
}

export interface ForgetGroup extends RetentionPlan<StoredSnapshot> {
  readonly key: Omit<SnapshotGroup, 'snapshots'>;
}

export interface ForgetPlan {
  readonly groups: readonly ForgetGroup[];
  /** Of all groups, oldest first. */
  readonly remove: readonly StoredSnapshot[];
}

/**
 * @param snapshots ordered by time, oldest first; of those of one moment the last counts as the newest, as it does for `latest`
 * @throws HoldfastError `usage` for a policy without rules, and for one that keeps nothing of some group, unless that may be
 */
export function planForget(snapshots: readonly StoredSnapshot[], options: ForgetOptions): ForgetPlan {
  if (isEmptyPolicy(options.policy) && !options.mayRemoveAll) throw emptyPolicyError();
  const groups = groupSnapshots(snapshots, options.grouping).map(({ snapshots: members, ...key }) => ({
    key,
    ...applyPolicy(members.toReversed(), options.policy, options),
  }));
  const lost = groups.filter(({ keep }) => keep.length === 0);
  if (lost[0] !== undefined && !options.mayRemoveAll) throw lostGroupError(lost[0], lost.length);
  const removed = new Set(groups.flatMap(({ remove }) => remove));
  return { groups, remove: snapshots.filter((snapshot) => removed.has(snapshot)) };
}

function emptyPolicyError(): HoldfastError {
  return new HoldfastError('usage', 'no rule says what to keep, so nothing was removed', {
    hint: 'Give a rule such as --keep-last 3 or --keep-daily 7, or name the snapshots to remove.',
  });
}

function lostGroupError({ key, remove }: ForgetGroup, lostCount: number): HoldfastError {
  const parts = [
    ...(key.hostname === undefined ? [] : [`host ${JSON.stringify(key.hostname)}`]),
    ...(key.tags === undefined ? [] : [`tags ${JSON.stringify(key.tags)}`]),
    ...(key.paths === undefined ? [] : [`paths ${JSON.stringify(key.paths)}`]),
  ];
  const which = parts.length === 0 ? 'of the repository' : `of ${parts.join(', ')}`;
  const others = lostCount > 1 ? `, and of ${lostCount - 1} more` : '';
  return new HoldfastError('usage', `the rules would remove every snapshot ${which}${others}, so nothing was removed`, {
    hint: 'Add a rule that keeps some, such as --keep-last 1. If all of them shall go, add --unsafe-allow-remove-all.',
    context: { groupCount: lostCount, snapshotCount: remove.length },
  });
}
