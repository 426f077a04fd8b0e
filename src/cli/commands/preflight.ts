import { openBackend } from '../../app/open-backend.ts';
import { preflight as runPreflight } from '../../app/preflight/preflight.ts';
import type { PreflightReport } from '../../app/preflight/preflight-line.ts';
import { systemRandomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { printableLocation } from '../../storage/location.ts';
import { showLine, showVerdict } from '../preflight/preflight-report.ts';
import { readLocation } from '../repository-session.ts';
import { storageOptions } from '../storage-options.ts';
import { type CommandContext, defineCommand } from './command.ts';

/** Somebody waits for the answer: what fails for so long is told as failing. */
const usualRetryMs = 15_000;

export const preflight = defineCommand({
  synopsis: '[OPTION...] [LOCATION]',
  details: [
    'Asks a place whether a repository can live there: reading, writing, lists, parts of files, removing, atomicity, rights, room, clock, latency and rate. Each line has a verdict, and a hint where something is to be done. It needs no password, and there may be a repository or none.',
    'Nothing that is there is changed. What is written has random names, means nothing to programs that use the repository meanwhile, and is removed again. Without LOCATION it is the place of --repo.',
    'The exit code is 1 when something fails that a repository needs. A place where nothing can be removed is fit: it is append-only.',
  ],
  examples: ['holdfast preflight rest:https://backup.example.org/laptop/', 'holdfast preflight --read-only --repo rclone:box:backup'],
  options: {
    'read-only': { kind: 'flag', description: 'write nothing: for a place that is only to be read from' },
  },
  async run(context, values, positionals) {
    const location = await chooseLocation(context, positionals);
    const { retryMs = usualRetryMs, ...options } = storageOptions(context);
    const backend = await openBackend(location, { ...options, retryMs });
    const report = await runPreflight(backend, {
      isReadOnly: values['read-only'],
      onLine: (line) => showLine(context.output, line),
      clock: context.clock,
      random: systemRandomness,
      signal: context.signal,
    });
    showVerdict(context.output, printableLocation(location), report);
    if (report.isFit) return 0;
    throw unfit(report);
  },
});

async function chooseLocation(context: CommandContext, positionals: readonly string[]): Promise<string> {
  const [location, another] = positionals;
  if (location === undefined) return await readLocation(context);
  if (another === undefined) return location;
  throw new HoldfastError('usage', 'more than one location is named', { hint: 'Name one place at a time.' });
}

function unfit({ lines }: PreflightReport): HoldfastError {
  const failed = lines.filter(({ isNeeded, verdict }) => isNeeded && verdict === 'failed');
  // An access that was refused is why everything else failed: it has a code of its own.
  const code = failed.find((line) => line.code === 'token-refused')?.code ?? 'preflight-failed';
  return new HoldfastError(code, `the place is not fit for a repository as it is: ${failed.map(({ topic }) => topic).join(', ')} failed`, {
    hint: failed.find(({ hint }) => hint !== undefined)?.hint ?? 'The lines above say what is wrong.',
  });
}
