/** Which snapshots `forget` removes: found out and shown before anything is removed. */
import { localOffsetSeconds } from '../../format/go-time.ts';
import type { SnapshotId } from '../../base/ids.ts';
import { planForget } from '../../repository/forget/plan-forget.ts';
import { describePolicy, type KeepPolicy } from '../../retention/policy.ts';
import type { CommandContext } from '../commands/command.ts';
import { forgetGroupJson, forgetLines, forgottenJson, forgottenLines } from '../render/forget-text.ts';
import type { RepositorySession } from '../repository-session.ts';
import { parseGrouping } from '../snapshot-groups.ts';
import { chooseForChange } from './choose-for-change.ts';
import type { ForgetValues } from './forget-options.ts';

export interface WhatGoes {
  /** In the order in which they are to be removed. */
  readonly remove: readonly { readonly id: SnapshotId }[];
  /** The whole decision, to be printed when it was carried out; '' when the output is for people. */
  readonly json: string;
}

/** @throws HoldfastError as chooseForChange and planForget */
export async function chooseByPolicy(
  context: CommandContext,
  session: RepositorySession,
  values: ForgetValues,
  policy: KeepPolicy,
): Promise<WhatGoes> {
  const { output, clock } = context;
  const { snapshots } = await chooseForChange(context, session, [], values);
  const { groups, remove } = planForget(snapshots, {
    policy,
    grouping: parseGrouping(values['group-by'] ?? 'host,paths'),
    mayRemoveAll: values['unsafe-allow-remove-all'],
    nowNs: clock.nowNs(),
    zone: localOffsetSeconds,
  });
  if (output.isJson) return { remove, json: `[${groups.map(forgetGroupJson).join(',')}]` };
  output.say(`rules: ${describePolicy(policy).join(', ') || 'none, so nothing is kept'}`);
  output.say('');
  // Tables of thousands of lines are not made for nobody.
  if (output.verbosity > 0) for (const line of groups.flatMap((group) => forgetLines(group, values.compact))) output.say(line);
  return { remove, json: '' };
}

/** @throws HoldfastError as chooseForChange */
export async function chooseByName(
  context: CommandContext,
  session: RepositorySession,
  values: ForgetValues,
  references: readonly string[],
): Promise<WhatGoes> {
  const { snapshots, damaged } = await chooseForChange(context, session, references, values);
  for (const { error } of damaged) context.events({ kind: 'warning', message: `${error.message}; it goes all the same` });
  for (const line of forgottenLines(snapshots, values.compact)) context.output.say(line);
  return { remove: [...snapshots, ...damaged], json: context.output.isJson ? forgottenJson(snapshots) : '' };
}
