/** Which files and directories a backup saves: arguments and lists. All of them must be there. */
import { HoldfastError } from '../../base/errors.ts';
import { pathBytes, pathText, readableText } from '../../patterns/path-text.ts';
import { collectTargets, type FileList } from '../../selection/files-from.ts';
import { missingTargets } from '../../selection/targets.ts';
import type { CommandContext } from '../commands/command.ts';
import { printableName } from '../render/format.ts';
import type { BackupValues } from './backup-options.ts';

// More names would hide the sentence that they belong to.
const shownMissing = 10;

/** @throws HoldfastError `source-missing` naming what is not there: a backup without it would look complete */
export async function collectFileTargets(context: CommandContext, values: BackupValues, paths: readonly string[]): Promise<Buffer[]> {
  const lists: FileList[] = [
    ...values['files-from'].map((path) => ({ form: 'patterns', path }) as const),
    ...values['files-from-verbatim'].map((path) => ({ form: 'verbatim', path }) as const),
    ...values['files-from-raw'].map((path) => ({ form: 'raw', path }) as const),
  ];
  const targets = await collectTargets(
    paths.map((path) => pathBytes(pathText(path))),
    lists,
    {
      readStandardInput: async () => Buffer.concat(await Array.fromAsync(context.stdin as AsyncIterable<Buffer>)),
      onWarning: (message) => context.events({ kind: 'warning', message }),
    },
  );
  const missing = await missingTargets(targets);
  if (missing.length > 0) throw missingError(missing);
  return targets;
}

function missingError(missing: readonly Buffer[]): HoldfastError {
  const names = missing.slice(0, shownMissing).map((path) => printableName(readableText(path).toWellFormed()));
  const more = missing.length > shownMissing ? ` and ${missing.length - shownMissing} more` : '';
  return new HoldfastError('source-missing', `${names.join(', ')}${more} cannot be found, no snapshot was made`, {
    hint: 'Correct the path, or leave it out.',
    context: { missingCount: missing.length },
  });
}
