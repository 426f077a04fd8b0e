/**
 * A backup whose repository cannot be reached goes to another, and is owed to the first from then on.
 *
 * Only unreachability leads there: a wrong password, a refused access, a missing or damaged repository would be the same tomorrow, and
 * the first repository would never get a backup again without anybody noticing. Whatever is still owed at the end gives the command
 * its own exit code.
 */
import type { BackupOutcome } from '../../archiver/backup.ts';
import { defaultStatePlace } from '../../app/state-place.ts';
import { OwedSnapshots } from '../../app/owed-snapshots.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { Repository } from '../../repository/repository.ts';
import { printableLocation } from '../../storage/location.ts';
import { isUnreachable } from '../../storage/unreachable.ts';
import type { CommandContext } from '../commands/command.ts';
import { valueOrigin } from '../options/option.ts';
import { chooseOther, inOtherWords, otherContext } from '../other-repository.ts';
import { readLocation } from '../repository-session.ts';
import { bringOver } from './bring-over.ts';
import type { FallbackValues } from './fallback-options.ts';

/** One attempt, on the repository of `target`. `afterwards` gets it still open, when the backup is saved. */
export type BackUp = (
  target: CommandContext,
  hooks: { readonly onOpened?: () => void; readonly afterwards?: (repository: Repository) => Promise<void> },
) => Promise<BackupOutcome>;

export interface BackupPlace {
  readonly repository: 'first' | 'fallback';
  /** Of the repository that has the backup, for people. */
  readonly location: string;
  /** Why it is not the first one. */
  readonly reason?: string;
}

export interface PlacedOutcome {
  readonly outcome: BackupOutcome;
  /** Undefined where there is no fallback. */
  readonly place: BackupPlace | undefined;
  /** What the command has to end with although the backup is saved. */
  readonly pending: HoldfastError | undefined;
}

export interface Fallback {
  readonly context: CommandContext;
  /** For people. */
  readonly location: string;
  /** Undefined where nothing says in which folder to remember anything. */
  readonly owed: OwedSnapshots | undefined;
  readonly firstLocation: string;
}

/** Undefined where none is named. @throws HoldfastError `usage` */
export async function chooseFallback(context: CommandContext, values: FallbackValues): Promise<Fallback | undefined> {
  const other = {
    repo: values['fallback-repo'],
    'repository-file': values['fallback-repository-file'],
    'password-file': values['fallback-password-file'],
    'password-command': values['fallback-password-command'],
    'insecure-no-password': values['fallback-insecure-no-password'],
    'key-hint': values['fallback-key-hint'],
  };
  if (chooseOther(context, 'fallback', other) === undefined) return undefined;
  const own = otherContext(context, 'fallback', other);
  const hasOwnPassword =
    values['fallback-insecure-no-password'] ||
    own.environment.find('PASSWORD') !== undefined ||
    [values['fallback-password-file'], values['fallback-password-command']].some((value) => value !== undefined);
  const chosen = hasOwnPassword ? own : withPasswordOf(context, own);
  const [first, fallback] = [await readLocation(context), await readLocation(chosen)];
  const place = defaultStatePlace((name) => context.environment.foreign(name));
  return {
    context: chosen,
    location: printableLocation(fallback),
    owed: place === undefined ? undefined : new OwedSnapshots(place, first, fallback),
    firstLocation: printableLocation(first),
  };
}

const passwordNames = ['password-file', 'password-command', 'insecure-no-password'] as const;

function withPasswordOf(first: CommandContext, fallback: CommandContext): CommandContext {
  const origins = new Map(fallback.origins);
  for (const name of passwordNames) origins.set(name, first.origins.get(name) ?? valueOrigin.none);
  const { 'password-file': file, 'password-command': command, 'insecure-no-password': none } = first.globals;
  return {
    ...fallback,
    origins,
    environment: first.environment,
    globals: { ...fallback.globals, 'password-file': file, 'password-command': command, 'insecure-no-password': none },
  };
}

/** @param isRepeatable what is saved can be read a second time */
export async function backUpWithFallback(
  context: CommandContext,
  fallback: Fallback,
  { isRepeatable, isDryRun }: { readonly isRepeatable: boolean; readonly isDryRun: boolean },
  backUp: BackUp,
): Promise<PlacedOutcome> {
  let isOpened = false;
  let pending: HoldfastError | undefined;
  const afterwards = async (repository: Repository): Promise<void> => {
    if (!isDryRun) pending = await bringOver(context, fallback, repository);
  };
  try {
    const outcome = await backUp(context, { onOpened: () => (isOpened = true), afterwards });
    return { outcome, pending, place: { repository: 'first', location: fallback.firstLocation } };
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (!isUnreachable(error) || context.signal.aborted || (isOpened && !isRepeatable)) throw error;
    const message = `${error.message}; the backup goes to the fallback repository ${fallback.location}`;
    context.events({ kind: 'warning', message });
    return await backUpToFallback(context, fallback, error, isDryRun, backUp);
  }
}

async function backUpToFallback(
  context: CommandContext,
  fallback: Fallback,
  reason: HoldfastError,
  isDryRun: boolean,
  backUp: BackUp,
): Promise<PlacedOutcome> {
  const outcome = await backUp(fallback.context, {}).catch((error: unknown) => {
    throw inFallbackWords(asHoldfastError(error));
  });
  const { snapshotId } = outcome;
  const place = { repository: 'fallback', location: fallback.location, reason: reason.message } as const;
  let isRemembered = fallback.owed !== undefined;
  if (snapshotId !== undefined && !isDryRun) {
    await fallback.owed?.add(snapshotId).catch((error: unknown) => {
      isRemembered = false;
      context.events({ kind: 'warning', message: `what is to be copied over cannot be remembered: ${asHoldfastError(error).message}` });
    });
  }
  const isOwed = (snapshotId !== undefined && !isDryRun) || ((await fallback.owed?.list())?.length ?? 0) > 0;
  return { outcome, place, pending: isOwed ? owedError(fallback, isRemembered) : undefined };
}

function owedError({ location }: Fallback, isRemembered: boolean): HoldfastError {
  const byHand = `holdfast copy --from-repo ${location}`;
  return new HoldfastError('fallback-pending', `the backup is in the fallback repository ${location}: the first one could not be reached`, {
    hint: isRemembered
      ? `The next backup with the same two repositories copies it over, or you do it with: ${byHand}`
      : `Copy it over when the first repository can be reached again: ${byHand}`,
    context: { fallback: location },
  });
}

/** Both have failed: this must not be taken for the failure of the first. */
function inFallbackWords(error: HoldfastError): HoldfastError {
  if (error.code === 'cancelled' || error.code === 'internal') return error;
  return new HoldfastError(error.code, `no backup in the fallback repository either: ${inOtherWords(error.message, 'fallback')}`, {
    ...(error.hint === undefined ? {} : { hint: inOtherWords(error.hint, 'fallback') }),
    context: error.context,
    cause: error,
  });
}
