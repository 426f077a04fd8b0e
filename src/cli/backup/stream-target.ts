/** Standard input, or what a command prints, as the one file of a snapshot. A stream that fails at its end fails the backup. */
import { type ChildProcess, spawn } from 'node:child_process';
import { addAbortSignal, type Readable } from 'node:stream';
import type { StreamTarget } from '../../archiver/backup-options.ts';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import { pathBytes, pathText } from '../../patterns/path-text.ts';

/** @param signal ends the waiting for more */
export function inputTarget(stdin: Readable, filename: string, signal: AbortSignal): StreamTarget {
  return streamTarget(filename, notEmpty(addAbortSignal(signal, stdin), 'standard input', signal));
}

/**
 * The command starts when the first byte is asked for: a wrong password must not run it. Its stderr is the terminal's.
 * @param signal ends the command
 */
export function commandTarget(args: readonly string[], filename: string, signal: AbortSignal): StreamTarget {
  const [program, ...rest] = args;
  if (program === undefined) {
    throw new HoldfastError('usage', '--stdin-from-command needs a command', {
      hint: 'Write it after two dashes: -- pg_dump --dbname app.',
    });
  }
  return streamTarget(filename, notEmpty(outputOf(program, rest, signal), `the output of ${program}`, signal));
}

function streamTarget(filename: string, stream: AsyncIterable<Uint8Array>): StreamTarget {
  return { kind: 'stream', filename: pathBytes(pathText(filename)), stream, finished: Promise.resolve() };
}

/** An empty dump is nearly always the sign of something that went wrong before it. */
async function* notEmpty(source: AsyncIterable<Uint8Array>, name: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of source) {
      throwIfCancelled(signal);
      bytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    // A stream that the signal tore down says only that it was.
    throwIfCancelled(signal);
    throw error;
  }
  if (bytes > 0) return;
  throw new HoldfastError('source-failed', `${name} was empty, no snapshot was made`, { hint: 'Check what should have written there.' });
}

/** The exit code comes last, and decides: output of a command that failed looks whole and is not. */
async function* outputOf(program: string, args: readonly string[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const exit = exitOf(child, program, signal);
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    await exit;
  } finally {
    if (child.exitCode === null) child.kill();
  }
}

function exitOf(child: ChildProcess, program: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Met at the end of the output; before that it is no unhandled failure.
  promise.catch(() => {});
  child.on('error', (cause: NodeJS.ErrnoException) => reject(signal.aborted ? signal.reason : startFailure(program, cause)));
  child.on('close', (code, killedBy) => {
    if (code === 0) resolve();
    else reject(signal.aborted ? signal.reason : commandFailure(program, killedBy === null ? `exit code ${code}` : `ended by ${killedBy}`));
  });
  return promise;
}

function startFailure(program: string, cause: NodeJS.ErrnoException): HoldfastError {
  if (cause.code !== 'ENOENT') return commandFailure(program, cause.message);
  return new HoldfastError('source-missing', `the command ${program} cannot be found, no snapshot was made`, {
    hint: 'Correct its name, or give its whole path.',
    cause,
  });
}

function commandFailure(program: string, reason: string): HoldfastError {
  return new HoldfastError('source-failed', `the command ${program} failed (${reason}), no snapshot was made`, {
    hint: 'Run the command by itself to see why.',
    context: { program },
  });
}
