/** One line of JSON for each request, in a file or on a stream. No passwords, no headers; what a client sends is shortened. */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { asHoldfastError } from '../base/errors.ts';

export interface AccessRecord {
  readonly time: string;
  readonly peer: string;
  readonly client?: string;
  readonly method: string;
  /** Without what is behind a question mark. */
  readonly path: string;
  readonly status: number;
  readonly received: number;
  readonly sent: number;
  readonly ms: number;
  /** Why it was refused. */
  readonly refusal?: string;
  readonly reason?: string;
  /** What failed in the server itself. */
  readonly failure?: string;
  /** The connection ended before the answer did. */
  readonly aborted?: true;
}

/** A disk that takes no more lines must not fill the memory: lines beyond are left out, and counted. */
const maxPendingBytes = 8 << 20;
const mode = 0o640;

export class AccessLog {
  readonly #path: string | undefined;
  readonly #onFailure: (message: string) => void;
  #stream: Writable;
  #left = 0;

  /** @param target a path that is appended to, or a stream. @param onFailure told when lines cannot be written */
  constructor(target: string | Writable, onFailure: (message: string) => void) {
    this.#path = typeof target === 'string' ? target : undefined;
    this.#onFailure = onFailure;
    this.#stream = typeof target === 'string' ? this.#open(target) : target;
  }

  write(record: AccessRecord): void {
    if (this.#stream.writableLength > maxPendingBytes) {
      this.#left++;
      return;
    }
    if (this.#left > 0) this.#stream.write(`${JSON.stringify({ time: record.time, left_out: this.#left })}\n`);
    this.#left = 0;
    this.#stream.write(`${JSON.stringify(record)}\n`);
  }

  /** Another program has moved the file away: the next line begins a new one. */
  reopen(): void {
    if (this.#path === undefined) return;
    this.#stream.end();
    this.#stream = this.#open(this.#path);
  }

  async close(): Promise<void> {
    if (this.#path === undefined) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve);
      this.#stream.end();
    });
  }

  #open(path: string): Writable {
    const stream = createWriteStream(path, { flags: 'a', mode });
    stream.on('error', (error) => this.#onFailure(`the access log cannot be written: ${asHoldfastError(error).message}`));
    return stream;
  }
}
