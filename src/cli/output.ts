/**
 * The two streams of a command: results on stdout, troubles and progress on stderr.
 * Everything that a command prints goes through here, so that the progress line never mixes with another line.
 */
import { styleText } from 'node:util';
import { jsonText } from './render/json-text.ts';
import { truncateToWidth } from './render/text-table.ts';

export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly isJson: boolean;
  /** 0 quiet · 1 usual · 2 verbose · 3 names every file. */
  readonly verbosity: number;
}

// A listing has some 100,000 short lines: one write for each would cost more than the listing itself.
const flushAtBytes = 64 * 1024;
// A reader of a pipe (a script following --json) shall not wait longer than a person notices.
const flushAfterMs = 50;
const eraseLine = '\r\x1b[2K';

export class Output {
  readonly isJson: boolean;
  readonly verbosity: number;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #readerGone = new AbortController();
  #pending: (string | Uint8Array)[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #status = '';

  constructor(options: OutputOptions) {
    this.isJson = options.isJson;
    this.verbosity = options.verbosity;
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
    this.#stdout.on('error', (error: NodeJS.ErrnoException) => this.#onStdoutError(error));
    this.#stderr.on('error', () => {});
  }

  /** Fires when the reader of stdout has gone, as `head` does once it has its lines. */
  get readerGone(): AbortSignal {
    return this.#readerGone.signal;
  }

  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  get canShowStatus(): boolean {
    return this.#stderr.isTTY === true;
  }

  /** A line of the result: printed at every verbosity. */
  line(text: string | Uint8Array): void {
    this.#append(text);
    this.piece('\n');
  }

  /** A part of a line. */
  piece(text: string): void {
    this.#append(text);
    if (this.isTerminal || this.#pendingBytes >= flushAtBytes) this.#flushNow();
    else this.#timer ??= setTimeout(() => this.#flushNow(), flushAfterMs);
  }

  /** Goes with the result for people; not in JSON, not when quiet. */
  say(text: string): void {
    if (!this.isJson && this.verbosity >= 1) this.line(text);
  }

  sayMore(text: string): void {
    if (!this.isJson && this.verbosity >= 2) this.line(text);
  }

  /** One JSON document on a line of its own. */
  json(value: unknown): void {
    this.line(jsonText(value));
  }

  /** A line on stderr. */
  complain(text: string): void {
    this.#flushNow();
    this.#eraseStatus();
    this.#stderr.write(`${text}\n`);
    this.#drawStatus();
  }

  /** Bytes as they are, after everything printed before. Resolves when the stream has taken them. */
  async content(bytes: Uint8Array): Promise<void> {
    this.#flushNow();
    await new Promise<void>((resolve, reject) => {
      this.#stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Red or yellow where stderr is a terminal and NO_COLOR is not set. */
  mark(style: 'red' | 'yellow', text: string): string {
    return styleText(style, text, { stream: this.#stderr });
  }

  /** The one line at the bottom of the terminal that is drawn over; '' removes it. Nothing where stderr is none. */
  setStatus(text: string): void {
    if (!this.canShowStatus) return;
    const fitting = truncateToWidth(text, (this.#stderr.columns ?? 80) - 1);
    if (fitting === this.#status) return;
    this.#eraseStatus();
    this.#status = fitting;
    this.#drawStatus();
  }

  /** Resolves when all that was printed has left the process. */
  async flush(): Promise<void> {
    this.setStatus('');
    this.#flushNow();
    await Promise.all([settle(this.#stdout), settle(this.#stderr)]);
  }

  #append(piece: string | Uint8Array): void {
    this.#pending.push(piece);
    this.#pendingBytes += piece.length;
  }

  #flushNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    const pieces = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.readerGone.aborted) return;
    this.#eraseStatus();
    this.#stdout.write(joinPieces(pieces));
    this.#drawStatus();
  }

  #eraseStatus(): void {
    if (this.#status !== '') this.#stderr.write(eraseLine);
  }

  #drawStatus(): void {
    if (this.#status !== '') this.#stderr.write(this.#status);
  }

  #onStdoutError(error: NodeJS.ErrnoException): void {
    this.#readerGone.abort(error);
  }
}

function joinPieces(pieces: readonly (string | Uint8Array)[]): string | Uint8Array {
  if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('');
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}

async function settle(stream: OutputStream): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write('', () => resolve());
  });
}
