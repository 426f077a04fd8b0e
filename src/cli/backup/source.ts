/** What a backup saves: files, standard input, or the output of a command that is started here. */
import type { BackupOptions } from '../../archiver/backup-options.ts';
import type { CommandContext } from '../commands/command.ts';
import type { BackupValues } from './backup-options.ts';
import { collectFileTargets } from './file-targets.ts';
import { readSelection } from './selection.ts';
import { commandTarget, inputTarget } from './stream-target.ts';

export interface OpenedSource extends AsyncDisposable {
  readonly source: BackupOptions['source'];
}

const defaultFilename = 'stdin';

export async function openSource(context: CommandContext, values: BackupValues, positionals: readonly string[]): Promise<OpenedSource> {
  const filename = values['stdin-filename'] ?? defaultFilename;
  if (values['stdin-from-command']) return startCommand(context, positionals, filename);
  const source = values.stdin ? inputTarget(context.stdin, filename, context.signal) : await fileSource(context, values, positionals);
  return { source, [Symbol.asyncDispose]: async () => {} };
}

async function fileSource(context: CommandContext, values: BackupValues, positionals: readonly string[]): Promise<BackupOptions['source']> {
  const selection = await readSelection(values);
  return { kind: 'files', paths: await collectFileTargets(context, values, positionals), selection };
}

/** A command must not outlive a backup that failed for another reason: it would wait for ever for somebody to read. */
function startCommand({ signal }: CommandContext, args: readonly string[], filename: string): OpenedSource {
  const end = new AbortController();
  const source = commandTarget(args, filename, AbortSignal.any([signal, end.signal]));
  return { source, [Symbol.asyncDispose]: async () => end.abort() };
}
