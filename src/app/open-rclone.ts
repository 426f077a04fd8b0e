/** Builds the backend for a remote of rclone. Loaded only when a location names one. */
import { systemClock, systemRandomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import { ignoreEvents } from '../base/events.ts';
import { splitShellWords } from '../base/shell-words.ts';
import type { Backend } from '../storage/backend.ts';
import { printableLocation, type RcloneLocation } from '../storage/location.ts';
import { RcloneBackend } from '../storage/rclone/rclone-backend.ts';
import { RcloneComplaints } from '../storage/rclone/rclone-complaints.ts';
import { type RcloneCommand, RcloneInspection } from '../storage/rclone/rclone-inspection.ts';
import { remoteName } from '../storage/rclone/rclone-remotes.ts';
import { RcloneTransport } from '../storage/rest/rclone-transport.ts';
import { RestBackend } from '../storage/rest/rest-backend.ts';
import { StdioTransport } from '../storage/rest/stdio-transport.ts';
import { defaultRetryBudgetMs, RetryBackend } from '../storage/wrappers/retry-backend.ts';
import { farStaging } from './far-staging.ts';
import {
  countOption,
  defaultConnections,
  defaultStallMs,
  durationOption,
  extendedOptions,
  type StorageOptions,
} from './storage-options.ts';
import { transferPaces } from './transfer-paces.ts';

/** As restic. */
const usualProgram = 'rclone';
const usualArgs = 'serve restic --stdio --b2-hard-delete';
const usualStartMs = 60_000;

/** @throws HoldfastError `usage` for an unusable option */
export async function openRclone({ remote }: RcloneLocation, options: StorageOptions): Promise<Backend> {
  const { clock = systemClock, random = systemRandomness, events = ignoreEvents, retryMs = defaultRetryBudgetMs } = options;
  if (remote === '' || remote.startsWith('-')) throw unusableRemote();
  const given = extendedOptions('rclone', options.extended ?? [], ['program', 'args', 'connections', 'timeout']);
  const command = commandOf(given, options);
  const location = printableLocation(`rclone:${remote}`);
  const complaints = new RcloneComplaints({ remote: remoteName(remote) ?? 'the remote', events, clock });
  const [program, ...words] = command.program;
  const stdio = new StdioTransport({
    program: {
      name: 'rclone',
      command: program,
      args: [...words, ...serveArgs(given), remote],
      env: command.env,
      explainEnd: complaints.explainEnd,
      onComplaint: complaints.hear,
    },
    path: '/',
    location,
    connections: countOption(given, 'connections', defaultConnections),
    stallMs: options.stallMs ?? defaultStallMs,
    paces: transferPaces(options),
  });
  const startTimeoutMs = durationOption(given, 'timeout', usualStartMs);
  const client = new RcloneTransport(stdio, { location, startTimeoutMs, explainFailure: complaints.explainFailure });
  const rest = new RestBackend({ client, location, staging: farStaging(options) });
  const backend = new RcloneBackend(rest, new RcloneInspection(command, remote));
  return new RetryBackend(backend, { budgetMs: retryMs, clock, random, events });
}

function serveArgs(given: ReadonlyMap<string, string>): string[] {
  return splitShellWords(given.get('args') ?? usualArgs, 'the extended option rclone.args');
}

function commandOf(given: ReadonlyMap<string, string>, { environment = process.env }: StorageOptions): RcloneCommand {
  return {
    program: splitShellWords(given.get('program') ?? usualProgram, 'the extended option rclone.program'),
    configArgs: configArgs(serveArgs(given)),
    // Its standard input is not the terminal's: a question would never be answered.
    env: { RCLONE_ASK_PASSWORD: 'false', ...environment },
  };
}

/** What `rclone.args` says about the configuration counts for every call of rclone. */
function configArgs(args: readonly string[]): string[] {
  const found: string[] = [];
  for (const [at, word] of args.entries()) {
    if (/^--(?:config|password-command)=/.test(word)) found.push(word);
    if (/^--(?:config|password-command)$/.test(word)) found.push(word, args[at + 1] ?? '');
  }
  return found;
}

function unusableRemote(): HoldfastError {
  return new HoldfastError('usage', 'the location of the repository names no usable remote of rclone', {
    hint: 'Write it as rclone:remote:path, with a remote from `rclone listremotes`.',
  });
}
