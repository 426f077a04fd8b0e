/** Standard input, or what a command prints, as the one file of a snapshot. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { StreamTarget } from '../../archiver/backup-options.ts';
import { HoldfastError } from '../../base/errors.ts';
import { pathText, pathBytes } from '../../patterns/path-text.ts';

export function inputTarget(stdin: Readable, filename: string): StreamTarget {
  const { stream, end } = watchStream(stdin);
  return { kind: 'stream', filename: pathBytes(pathText(filename)), stream, finished: end.then(requireBytes('standard input')) };
}

/**
 * Starts the command. Its stderr is the terminal's, so that the person sees what it says.
 * The snapshot waits for its exit code: output of a command that failed looks whole and is not.
 */
export function commandTarget(args: readonly string[], filename: string, signal: AbortSignal): StreamTarget {
  const [program, ...rest] = args;
  if (program === undefined) {
    throw new HoldfastError('usage', '--stdin-from-command needs a command', { hint: 'Write it after two dashes: -- mysqldump --all-databases.' });
  }
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const exit = Promise.withResolvers<void>();
  child.on('error', (cause) => exit.reject(signal.aborted ? signal.reason : commandFailure(program, cause.message)));
  child.on('close', (code, killedBy) => {
    if (code === 0) exit.resolve();
    else exit.reject(commandFailure(program, killedBy === null ? `exit code ${code}` : `ended by ${killedBy}`));
  });
  const { stream, end } = watchStream(child.stdout);
  const finished = Promise.all([end, exit.promise]).then(([bytes]) => requireBytes(`the output of ${program}`)(bytes));
  // Awaited by the backup later; until then a failure is no unhandled one.
  finished.catch(() => {});
  return { kind: 'stream', filename: pathBytes(pathText(filename)), stream, finished };
}

/** Counts what passes; `end` tells how much it was. */
function watchStream(source: Readable): { stream: AsyncIterable<Uint8Array>; end: Promise<number> } {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  promise.catch(() => {});
  async function* pass(): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    try {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        yield chunk;
      }
      resolve(bytes);
    } catch (error) {
      reject(error);
      throw error;
    }
  }
  return { stream: pass(), end: promise };
}

/** An empty dump is nearly always the sign of something that went wrong before it. */
function requireBytes(source: string): (bytes: number) => void {
  return (bytes) => {
    if (bytes > 0) return;
    throw new HoldfastError('source-failed', `${source} was empty, no snapshot was made`, { hint: 'Check what should have written there.' });
  };
}

function commandFailure(program: string, reason: string): HoldfastError {
  return new HoldfastError('source-failed', `the command ${program} failed (${reason}), no snapshot was made`, {
    hint: 'Run the command by itself to see why.',
    context: { program },
  });
}
