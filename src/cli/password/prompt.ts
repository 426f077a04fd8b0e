/** A password from the person at the terminal, without echo; or the first line of a stdin that is no terminal. */
import { HoldfastError } from '../../base/errors.ts';

export interface PromptTerminal {
  readonly stdin: NodeJS.ReadStream;
  /** The question goes to stderr: stdout may be redirected. */
  readonly stderr: NodeJS.WritableStream;
}

// Longer than any password: input without end shall not fill the memory.
const maxLineBytes = 64 * 1024;
const key = {
  interrupt: 0x03,
  endOfInput: 0x04,
  backspace: 0x08,
  newline: 0x0a,
  carriageReturn: 0x0d,
  clearLine: 0x15,
  erase: 0x7f,
} as const;

/** @throws HoldfastError `cancelled` on Ctrl-C or when the signal fires; `usage` when the input ends before a line */
export async function askPassword(question: string, terminal: PromptTerminal, signal: AbortSignal): Promise<string> {
  const isTerminal = terminal.stdin.isTTY;
  try {
    // First: what is typed as soon as the question shows must not be echoed.
    if (isTerminal) terminal.stdin.setRawMode(true);
    if (isTerminal) terminal.stderr.write(question);
    return await readLine(terminal.stdin, isTerminal, signal);
  } finally {
    if (isTerminal) {
      terminal.stdin.setRawMode(false);
      terminal.stderr.write('\n');
    }
  }
}

async function readLine(stdin: NodeJS.ReadStream, isRaw: boolean, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const line: number[] = [];
  const onData = (chunk: Buffer) => {
    const outcome = consume(line, chunk, isRaw);
    if (outcome === undefined) return;
    // Before the rest goes back: a stream that flows would bring it here again at once.
    stdin.off('data', onData).pause();
    if (outcome.rest.length > 0) stdin.unshift(outcome.rest);
    if (outcome.error === undefined) resolve(Buffer.from(line).toString('utf8'));
    else reject(outcome.error);
  };
  const onEnd = () => (line.length > 0 ? resolve(Buffer.from(line).toString('utf8')) : reject(noPassword()));
  const onAbort = () => reject(signal.reason);
  stdin.on('data', onData).on('end', onEnd).on('error', reject).resume();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await promise;
  } finally {
    stdin.off('data', onData).off('end', onEnd).off('error', reject).pause();
    signal.removeEventListener('abort', onAbort);
  }
}

interface LineOutcome {
  readonly rest: Buffer;
  readonly error?: HoldfastError;
}

/** Adds the chunk to the line; an outcome means that the line is over. In raw mode the editing keys are ours to handle. */
function consume(line: number[], chunk: Buffer, isRaw: boolean): LineOutcome | undefined {
  for (const [index, byte] of chunk.entries()) {
    const rest = chunk.subarray(index + 1);
    if (byte === key.newline || (isRaw && byte === key.carriageReturn)) return { rest };
    if (isRaw && byte === key.interrupt) return { rest, error: new HoldfastError('cancelled', 'stopped at the password prompt') };
    if (isRaw && byte === key.endOfInput) return line.length > 0 ? { rest } : { rest, error: noPassword() };
    if (isRaw && (byte === key.erase || byte === key.backspace)) dropLastCharacter(line);
    else if (isRaw && byte === key.clearLine) line.length = 0;
    else line.push(byte);
    if (line.length > maxLineBytes) return { rest, error: new HoldfastError('usage', 'the password on stdin does not end') };
  }
  return undefined;
}

function dropLastCharacter(line: number[]): void {
  let byte = line.pop();
  // The bytes 10xxxxxx continue a character of UTF-8: its first byte goes too.
  while (byte !== undefined && (byte & 0xc0) === 0x80) byte = line.pop();
}

function noPassword(): HoldfastError {
  return new HoldfastError('usage', 'no password was given', {
    hint: 'Set HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD_COMMAND, use --password-file, or type it at a terminal.',
  });
}
