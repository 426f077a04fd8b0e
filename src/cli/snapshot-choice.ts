/** From arguments and filter options to snapshots. */
import { HoldfastError } from '../base/errors.ts';
import type { BlobId } from '../base/ids.ts';
import { isEmptyFilter, parseTagList, type SnapshotFilter } from '../repository/snapshot-filter.ts';
import type { FoundSnapshot, StoredSnapshot } from '../repository/snapshots.ts';
import { findSubtree } from '../repository/tree/find-node.ts';
import type { CommandContext } from './commands/command.ts';
import type { SnapshotFilterValues } from './options/snapshot-options.ts';
import type { RepositoryReader, RepositorySession } from './repository-session.ts';

/** `--host ''` is for all hosts, whatever HOLDFAST_HOST says. */
export function snapshotFilter({ host, tag, path }: SnapshotFilterValues): SnapshotFilter {
  const isForAllHosts = host.length === 1 && host[0] === '';
  return { hosts: isForAllHosts ? [] : host, tagLists: tag.map(parseTagList), paths: path };
}

/** The one snapshot of an argument like `latest:/etc`. */
export async function findSnapshot(
  { repository, signal }: RepositorySession,
  reference: string,
  values: SnapshotFilterValues,
): Promise<FoundSnapshot> {
  return await repository.snapshots.find(reference, snapshotFilter(values), { signal });
}

/** The tree that the argument means: the snapshot's, or that of the folder behind the colon. */
export async function treeOf(reader: RepositoryReader, { snapshot, subfolder }: FoundSnapshot): Promise<BlobId> {
  return await findSubtree(reader, snapshot.tree, subfolder);
}

export interface ChosenSnapshots {
  readonly snapshots: readonly StoredSnapshot[];
  /** To be called when the work on the others is done: throws where some could not be found or read, each of which was reported. */
  assertComplete(): void;
}

/** The snapshots that were named, or all that the filter lets through. */
export async function chooseSnapshots(
  context: CommandContext,
  { repository, signal }: RepositorySession,
  references: readonly string[],
  values: SnapshotFilterValues,
): Promise<ChosenSnapshots> {
  const filter = snapshotFilter(values);
  if (references.length > 0 && !references.includes('latest') && !isEmptyFilter(filter) && isFilterTyped(context)) {
    context.events({ kind: 'warning', message: 'the snapshots were named, so --host, --tag and --path have no effect' });
  }
  const selected = await repository.snapshots.select(references, filter, { signal });
  const snapshots = selected.flatMap(({ snapshot }) => snapshot ?? []);
  const failures = selected.flatMap(({ error }) => error ?? []);
  const [first] = failures;
  if (first !== undefined && snapshots.length === 0) throw first;
  for (const { code, message, hint, context: details } of failures) {
    context.events({
      kind: 'failure',
      operation: 'index',
      error: { code, message, context: details, ...(hint === undefined ? {} : { hint }) },
    });
  }
  return { snapshots, assertComplete: () => assertNone(failures) };
}

function assertNone(failures: readonly HoldfastError[]): void {
  const [first] = failures;
  if (first === undefined) return;
  throw new HoldfastError(first.code, `${failures.length} snapshot${failures.length === 1 ? '' : 's'} could not be used`, {
    hint: 'The errors above say why.',
  });
}

/** A variable such as HOLDFAST_HOST is no order for this one command. */
function isFilterTyped({ origins }: CommandContext): boolean {
  return ['host', 'tag', 'path'].some((name) => origins.get(name) === 0);
}

/** @throws HoldfastError `usage` when there are fewer or more arguments than names */
export function exactArguments<const N extends readonly string[]>(
  positionals: readonly string[],
  names: N,
): { readonly [K in keyof N]: string } {
  if (positionals.length === names.length) return positionals as { readonly [K in keyof N]: string };
  const wanted = names.length === 0 ? 'no arguments' : names.join(' ');
  throw new HoldfastError('usage', `${positionals.length} arguments were given where the command takes ${wanted}`, {
    hint: 'Add --help to the command to see how it is used.',
  });
}
