/** A program of this machine that speaks over its standard input and output, as one stream in both directions. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../base/errors.ts';

export interface ProgramSpec {
  /** For people: `ssh`, `rclone`. */
  readonly name: string;
  /** A path, or a name on the PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** The caller's own unless told. */
  readonly env?: NodeJS.ProcessEnv;
  /** What the end of the program means; undefined where nothing better is known than that it may go well next time. */
  readonly explainEnd?: (end: ProgramEnd) => EndMeaning | undefined;
  /** Every line that it writes to its standard error, without control characters. */
  readonly onComplaint?: (line: string) => void;
}

export interface ProgramEnd {
  /** Null when a signal ended it. 127: there is no such program. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to its standard error, without control characters. */
  readonly complaint: string;
}

export interface EndMeaning {
  readonly code: ErrorCode;
  /** Goes behind "saving pack 1f3a… failed: ". */
  readonly fact: string;
  readonly hint?: string;
  readonly isRetryable?: boolean;
  /** The other side could not be reached; so it is with every end that may pass. */
  readonly isUnreachable?: boolean;
}

/** The error of the stream: the program is gone. */
export class ProgramEnded extends Error {
  readonly meaning: EndMeaning;

  constructor(meaning: EndMeaning) {
    super(meaning.fact);
    this.meaning = meaning;
  }
}

/** The shell's exit code for a program that is not there. */
const notFoundCode = 127;
/** Enough for the last sentences of a program that gives up. */
const maxComplaintBytes = 4096;
/** A message is to be read: the last lines of a complaint say most. */
const shownLines = 3;
/** A program that has closed its output ends in a moment; what it wrote to its standard error until then says why. */
const maxWaitForEndMs = 2_000;
/** From the end of its input until a program is told to end, and then until it is made to. */
const graceMs = 5_000;

/**
 * Ctrl-C at a terminal goes to all its programs. This one must live on until Holdfast has removed its locks through it, so that
 * it starts with the signal ignored. It stays in the session of the terminal: ssh may ask there for a password.
 */
const startScript = 'trap "" INT; exec "$@"';

export class StdioProgram {
  readonly stream: Duplex;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<void>;
  #complaint = Buffer.alloc(0);

  constructor(spec: ProgramSpec) {
    const { command, args, env = process.env } = spec;
    const child = spawn('/bin/sh', ['-c', startScript, 'sh', command, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.#child = child;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    const stream = new PipePair(child.stdout, child.stdin, promise);
    this.stream = stream;
    if (spec.onComplaint !== undefined) passLines(child.stderr, spec.onComplaint);
    child.stderr.on('data', (piece: Buffer) => {
      this.#complaint = Buffer.concat([this.#complaint, piece]).subarray(-maxComplaintBytes);
    });
    // A shell that cannot be started is no case of its own: nobody has a machine without one.
    child.on('error', (error) => stream.destroy(error));
    child.on('close', (exitCode, signal) => {
      resolve();
      stream.destroy(new ProgramEnded(meaningOf(spec, { exitCode, signal, complaint: readable(this.#complaint) })));
    });
  }

  /** Ends its input, and waits until it has ended. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const timer = new AbortController();
      const isLate = delay(graceMs, true, { signal: timer.signal }).catch(() => false);
      if ((await Promise.race([this.#ended, isLate])) !== true) return timer.abort();
      this.#child.kill(signal);
    }
    await this.#ended;
  }

  /** It does not answer any more. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** A program that writes without end and without a line is heard in pieces. */
const maxLineBytes = 4096;

function passLines(stream: Readable, hear: (line: string) => void): void {
  let rest = '';
  stream.on('data', (piece: Buffer) => {
    const lines = (rest + piece.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineBytes) lines.push(rest);
    if (rest.length > maxLineBytes) rest = '';
    for (const line of lines) hear(readable(Buffer.from(line)));
  });
  stream.on('end', () => hear(readable(Buffer.from(rest))));
}

/** Two pipes as one stream. Its failures wait until the program has ended, which is their reason and comes a moment later. */
class PipePair extends Duplex {
  readonly #input: Readable;
  readonly #output: Writable;

  constructor(input: Readable, output: Writable, ended: Promise<void>) {
    super({ highWaterMark: 1 << 20 });
    this.#input = input;
    this.#output = output;
    const failAfterEnd = (error?: Error): void => {
      const timer = setTimeout(() => this.destroy(error ?? new Error('the program closed its output')), maxWaitForEndMs);
      void ended.then(() => clearTimeout(timer));
    };
    input.on('data', (piece: Buffer) => {
      // What comes after the end of this stream has to be read, too, or the program could not end.
      if (!this.push(piece) && !this.destroyed) input.pause();
    });
    input.on('end', () => failAfterEnd());
    input.on('error', failAfterEnd);
    output.on('error', failAfterEnd);
  }

  override _read(): void {
    this.#input.resume();
  }

  override _write(piece: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // What cannot be written is no failure yet: see above.
    if (this.#output.writable) this.#output.write(piece, encoding, (error) => (error ? undefined : done()));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#output.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#output.end();
    this.#input.resume();
    done(error);
  }
}

function meaningOf(spec: ProgramSpec, end: ProgramEnd): EndMeaning {
  const explained = spec.explainEnd?.(end);
  if (explained !== undefined) return explained;
  if (end.exitCode === notFoundCode && /not found/i.test(end.complaint)) return missingProgram(spec);
  const how = end.signal === null ? `with exit code ${end.exitCode}` : `by ${end.signal}`;
  return { code: 'storage-failed', fact: `${spec.name} ended ${how}${asReason(end.complaint)}`, isRetryable: true };
}

function missingProgram({ name, command }: ProgramSpec): EndMeaning {
  return { code: 'unsupported', fact: `${name} is not on this machine: there is no program ${command}`, hint: `Install ${name}.` };
}

/** `: what it said`, or nothing. */
export function asReason(complaint: string): string {
  const lines = complaint.split('\n').filter((line) => line.trim() !== '');
  return lines.length === 0 ? '' : `: ${lines.slice(-shownLines).join('; ')}`;
}

/** Whatever the other side of a connection writes must not steer the terminal. */
function readable(bytes: Buffer): string {
  return bytes
    .toString('utf8')
    .replaceAll('\r', '')
    .replace(/[\p{Cc}\p{Cf}\uFFFD]/gu, (character) => (character === '\n' ? '\n' : ' '))
    .trim();
}
