/** Snapshots for a command that replaces or removes them: it gets all that were meant, or nothing is begun. */
import { HoldfastError } from '../../base/errors.ts';
import type { SnapshotId } from '../../base/ids.ts';
import { isEmptyFilter } from '../../repository/snapshot-filter.ts';
import type { SelectedSnapshot, StoredSnapshot } from '../../repository/snapshots.ts';
import type { CommandContext } from '../commands/command.ts';
import { valueOrigin } from '../options/option.ts';
import type { SnapshotFilterValues } from '../options/snapshot-options.ts';
import type { RepositorySession } from '../repository-session.ts';
import { snapshotFilter } from '../snapshot-choice.ts';

export interface SnapshotsToChange {
  readonly snapshots: readonly StoredSnapshot[];
  /** Named by their ids, but damaged: all that can be done with them is to remove them. */
  readonly damaged: readonly { readonly id: SnapshotId; readonly error: HoldfastError }[];
}

/** @throws HoldfastError of the first that cannot be found or read; `usage` for names together with filters, which would mean nothing */
export async function chooseForChange(
  context: CommandContext,
  { repository, signal }: RepositorySession,
  references: readonly string[],
  values: SnapshotFilterValues,
): Promise<SnapshotsToChange> {
  assertOneChoice(context, references, values);
  const selected = await repository.snapshots.select(references, snapshotFilter(values), { signal });
  const damaged: SnapshotsToChange['damaged'][number][] = [];
  for (const failed of selected) {
    if (failed.error === undefined) continue;
    const id = references.includes(failed.reference) ? damagedIdOf(failed) : undefined;
    if (id === undefined) throw nothingChanged(failed.error);
    damaged.push({ id, error: failed.error });
  }
  return { snapshots: selected.flatMap(({ snapshot }) => snapshot ?? []), damaged };
}

function assertOneChoice({ origins }: CommandContext, references: readonly string[], values: SnapshotFilterValues): void {
  if (references.length === 0 || references.includes('latest') || isEmptyFilter(snapshotFilter(values))) return;
  const typed = ['host', 'tag', 'path'].find((name) => origins.get(name) === valueOrigin.commandLine);
  // A variable such as HOLDFAST_HOST is no order for this one command.
  if (typed === undefined) return;
  throw new HoldfastError('usage', `snapshots are named, and --${typed} chooses some too`, {
    hint: 'Name the snapshots, or choose them by --host, --tag and --path.',
  });
}

/** Not for `latest`: the damaged one that it met may be any. */
function damagedIdOf({ reference, error }: SelectedSnapshot): SnapshotId | undefined {
  const name = error?.code === 'damaged' && error.context['kind'] === 'snapshot' ? error.context['name'] : undefined;
  return typeof name === 'string' && name.startsWith(reference) ? (name as SnapshotId) : undefined;
}

function nothingChanged(error: HoldfastError): HoldfastError {
  return new HoldfastError(error.code, `${error.message}; nothing was changed`, {
    context: error.context,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
