/**
 * Where a password comes from. It is never an argument: other users of the machine can see those.
 *
 * What the command line names wins over HOLDFAST_* variables, and they win over RESTIC_* ones. In one of these layers a
 * command or a file comes before the plain password, and naming both a command and a file is an error, as in restic.
 */
import { spawn } from 'node:child_process';
import { HoldfastError } from '../../base/errors.ts';
import { readListFile } from '../../selection/pattern-file.ts';
import { decodeTextFile, trimSpace } from '../../selection/text-file.ts';
import type { CommandContext } from '../commands/command.ts';
import { chooseOne } from '../options/choose-one.ts';
import { valueOrigin } from '../options/option.ts';
import { askPassword } from './prompt.ts';
import { splitShellWords } from '../../base/shell-words.ts';

/** The password that options and variables give; undefined when a person has to be asked. */
export async function configuredPassword(context: CommandContext): Promise<string | undefined> {
  const { globals, origins, environment } = context;
  const plain = environment.find('PASSWORD');
  const chosen = chooseOne(globals, origins, ['password-command', 'password-file']);
  const isPlainNearer = plain !== undefined && plain.origin < (chosen?.origin ?? valueOrigin.none);
  if (globals['insecure-no-password']) return withoutPassword(chosen !== undefined || plain !== undefined);
  if (chosen === undefined || isPlainNearer) return plain?.value;
  const password =
    chosen.name === 'password-file' ? await passwordFromFile(chosen.value) : await passwordFromCommand(chosen.value, context.signal);
  if (password === '') throw emptyPassword(chosen.name === 'password-file' ? `the file ${chosen.value}` : 'the password command');
  return password;
}

/** A password that opens: configured, or asked for once. */
export async function readPassword(context: CommandContext, question: string): Promise<string> {
  return (await configuredPassword(context)) ?? notEmpty(await ask(context, question));
}

/** A password that is to be set: asked for twice at a terminal, because nobody sees what is typed. */
export async function askNewPassword(context: CommandContext, question: string): Promise<string> {
  const first = notEmpty(await ask(context, question));
  if (!context.stdin.isTTY) return first;
  if (first === (await ask(context, 'enter password again: '))) return first;
  throw new HoldfastError('usage', 'the two passwords differ', { hint: 'Run the command again and type the same password twice.' });
}

/** White space around the password is dropped, as restic does: the file's last newline and more. */
export async function passwordFromFile(path: string, where = '--password-file'): Promise<string> {
  return trimSpace(decodeTextFile(await readListFile(path, where)).toString('utf8'));
}

/** @param what `password command`, for messages */
export async function passwordFromCommand(command: string, signal: AbortSignal, what = 'password command'): Promise<string> {
  const [program, ...args] = splitShellWords(command, `the ${what}`);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.on('error', (cause) => reject(signal.aborted ? signal.reason : commandFailure(what, program, cause.message, cause)));
  child.on('close', (code, killedBy) => {
    if (code === 0) resolve(trimSpace(Buffer.concat(chunks).toString('utf8')));
    else reject(signal.aborted ? signal.reason : commandFailure(what, program, killedBy === null ? `exit code ${code}` : killedBy));
  });
  return await promise;
}

async function ask(context: CommandContext, question: string): Promise<string> {
  return await askPassword(question, { stdin: context.stdin, stderr: process.stderr }, context.signal);
}

function notEmpty(password: string): string {
  if (password === '') throw emptyPassword('the terminal');
  return password;
}

function withoutPassword(isGiven: boolean): string {
  if (!isGiven) return '';
  throw new HoldfastError('usage', '--insecure-no-password contradicts the password that options or variables give', {
    hint: 'Remove one of the two.',
  });
}

function emptyPassword(source: string): HoldfastError {
  return new HoldfastError('usage', `the password from ${source} is empty`, {
    hint: 'Add --insecure-no-password if the repository really has none.',
  });
}

/** Without the command's arguments: they may hold a secret. */
function commandFailure(what: string, program: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError('usage', `the ${what} ${program} failed: ${reason}`, {
    hint: 'It must print the password and end with exit code 0.',
    cause,
  });
}
