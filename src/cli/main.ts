/** The command line: one command, from its arguments to its exit code. bin/main.mjs calls it. */
import { systemClock } from '../base/clock.ts';
import { errorCodes, HoldfastError } from '../base/errors.ts';
import type { AnyCommand } from './commands/command.ts';
import { commandTable, isCommand, isCommandGroup } from './commands/table.ts';
import { Environment } from './environment.ts';
import { findCommand, unknownCommand } from './find-command.ts';
import { commandHelp, groupHelp, topLevelHelp } from './help.ts';
import { type GlobalValues, globalOptions } from './options/global-options.ts';
import type { OptionTable } from './options/option.ts';
import { isKnown, parseOptions, readTokens } from './options/parse.ts';
import { Output } from './output.ts';
import { restoreArguments } from './raw-arguments.ts';
import { HumanRenderer } from './render/human.ts';
import { JsonRenderer } from './render/json.ts';
import { reportFailure } from './report-failure.ts';
import { watchSignals } from './signals.ts';
import { readVersion } from '../base/package-version.ts';

// What a shell reports for a process that SIGPIPE ended: 128 and the signal's number. It is the usual end before `head`.
const brokenPipeExitCode = 141;

/** @returns the exit code; never throws */
export async function main(givenArgv: readonly string[]): Promise<number> {
  // Should Node ever find nothing left to wait for before there is an answer, that was no success.
  process.exitCode = errorCodes.internal.exitCode;
  const argv = restoreArguments(givenArgv);
  const environment = new Environment(process.env);
  // Until the options are understood: an error in them comes in the form that was asked for.
  let output = createOutput(argv.includes('--json'), 1);
  try {
    const plan = await planRun(argv, environment);
    if (typeof plan === 'string') {
      output.line(plan.trimEnd());
      return 0;
    }
    output = createOutput(plan.globals.json, verbosityOf(plan.globals));
    return await runCommand(plan, output, environment);
  } catch (error) {
    return reportFailure(error, output, environment);
  } finally {
    await output.flush();
    // A stdin that nobody reads to its end would keep the process alive.
    process.stdin.destroy();
  }
}

/** Only without a command: for most commands -V would be a slip for -v. */
const versionOption = { version: { kind: 'flag', short: 'V', description: 'print the version' } } as const satisfies OptionTable;

interface RunPlan {
  readonly command: AnyCommand;
  readonly globals: GlobalValues;
  readonly parsed: ReturnType<typeof parseOptions>;
}

/** @returns a text to print where the line asks for help */
async function planRun(argv: readonly string[], environment: Environment): Promise<RunPlan | string> {
  const found = findCommand(argv);
  if (found === undefined) {
    const { values } = parseOptions(argv, { ...globalOptions, ...versionOption }, environment);
    return values.version ? `holdfast ${readVersion()}` : topLevelHelp();
  }
  if (found.name === 'help') return await helpAbout(parseOptions(found.rest, globalOptions, environment).positionals);
  if (!isCommand(found.name)) return await helpAbout([found.name]);
  const command = await loadCommand(found.name);
  const table = { ...globalOptions, ...command.options };
  if (asksForHelp(found.rest, table)) return commandHelp(found.name, command);
  const parsed = parseOptions(found.rest, table, environment);
  return { command, globals: parsed.values as unknown as GlobalValues, parsed };
}

/** Help wins over whatever else is wrong with the line. */
function asksForHelp(args: readonly string[], table: OptionTable): boolean {
  return readTokens(args, table).some((token) => token.kind === 'option' && token.name === 'help' && isKnown(token, table));
}

async function helpAbout(words: readonly string[]): Promise<string> {
  const name = words.join(' ');
  if (name === '') return topLevelHelp();
  if (isCommandGroup(name)) return groupHelp(name);
  if (!isCommand(name)) throw unknownCommand(name);
  return commandHelp(name, await loadCommand(name));
}

async function loadCommand(name: string): Promise<AnyCommand> {
  const entry = commandTable[name];
  if (entry === undefined) throw unknownCommand(name);
  return await entry.load();
}

async function runCommand(plan: RunPlan, output: Output, environment: Environment): Promise<number> {
  using watch = watchSignals((name) => {
    if (!output.isJson) output.complain(`${name} received: cleaning up, a second one ends at once`);
  });
  const { globals, parsed } = plan;
  const isListing = plan.command.isListing === true;
  const signal = isListing ? AbortSignal.any([watch.signal, output.readerGone]) : watch.signal;
  using renderer = plan.globals.json
    ? new JsonRenderer(output, systemClock, environment)
    : new HumanRenderer(output, systemClock, environment);
  const context = {
    globals,
    origins: parsed.origins,
    environment,
    output,
    events: renderer.sink,
    endProgress: () => renderer[Symbol.dispose](),
    signal,
    clock: systemClock,
    stdin: process.stdin,
  };
  try {
    const code = (await plan.command.run(context, parsed.values as never, parsed.positionals)) ?? 0;
    await output.flush();
    return isListing && output.readerGone.aborted ? brokenPipeExitCode : code;
  } catch (error) {
    // What breaks because the reader has gone is no failure of the command, and there is nobody to tell.
    if (isListing && output.readerGone.aborted) return brokenPipeExitCode;
    throw error;
  }
}

function createOutput(isJson: boolean, verbosity: number): Output {
  return new Output({ stdout: process.stdout, stderr: process.stderr, isJson, verbosity });
}

function verbosityOf(globals: GlobalValues): number {
  if (globals.quiet && globals.verbose > 0) {
    throw new HoldfastError('usage', '--quiet and --verbose contradict each other', { hint: 'Give one of them.' });
  }
  return globals.quiet ? 0 : Math.min(3, 1 + globals.verbose);
}
