/**
 * Trees of the parent snapshot that a worker cannot read itself, because the repository is far away: the worker asks main and blocks
 * until main has put the tree into memory that both share. Main itself never waits for a worker, so that this cannot lock up.
 */
import { type ErrorRecord, fromErrorRecord, HoldfastError, type toErrorRecord } from '../../base/errors.ts';
import type { IndexTable } from '../index-table.ts';

const headerBytes = 8;
const firstBytes = 64 << 10;
/** Only addresses are set aside; a directory of half a million entries fits. A larger tree is reported, and its files are read again. */
const maxBytes = 256 << 20;
/** How often a worker that waits looks whether the backup has ended. */
const lookMs = 250;

const state = { idle: 0, asked: 1, filled: 2, failed: 3 } as const;

export function makeMailbox(): SharedArrayBuffer {
  return new SharedArrayBuffer(headerBytes + firstBytes, { maxByteLength: headerBytes + maxBytes });
}

/** Main's side: answers the question that the worker of this mailbox waits with. */
export function putTree(mailbox: SharedArrayBuffer, plain: Uint8Array): void {
  if (plain.length > maxBytes) return putFailure(mailbox, tooLarge());
  put(mailbox, plain, state.filled);
}

export function putFailure(mailbox: SharedArrayBuffer, error: ReturnType<typeof toErrorRecord>): void {
  put(mailbox, Buffer.from(JSON.stringify(error)), state.failed);
}

function put(mailbox: SharedArrayBuffer, bytes: Uint8Array, outcome: number): void {
  if (mailbox.byteLength < headerBytes + bytes.length) mailbox.grow(headerBytes + bytes.length);
  new Uint8Array(mailbox, headerBytes).set(bytes);
  const header = new Int32Array(mailbox, 0, 2);
  header[1] = bytes.length;
  Atomics.store(header, 0, outcome);
  Atomics.notify(header, 0);
}

/** The worker's side. */
export class MainTrees {
  readonly #mailbox: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #index: IndexTable;
  readonly #ask: (id: string) => void;
  readonly #throwIfStopped: () => void;

  constructor(mailbox: SharedArrayBuffer, index: IndexTable, ask: (id: string) => void, throwIfStopped: () => void) {
    this.#mailbox = mailbox;
    this.#header = new Int32Array(mailbox, 0, 2);
    this.#index = index;
    this.#ask = ask;
    this.#throwIfStopped = throwIfStopped;
  }

  /** The plaintext of a tree: a buffer of the caller's own. @throws HoldfastError as reading it in main does, `cancelled` */
  read(entry: number): Uint8Array {
    Atomics.store(this.#header, 0, state.asked);
    this.#ask(this.#index.idHex(entry));
    while (Atomics.wait(this.#header, 0, state.asked, lookMs) === 'timed-out') this.#throwIfStopped();
    const outcome = Atomics.exchange(this.#header, 0, state.idle);
    const bytes = Buffer.from(new Uint8Array(this.#mailbox, headerBytes, this.#header[1] ?? 0));
    if (outcome === state.filled) return bytes;
    throw fromErrorRecord(JSON.parse(bytes.toString()) as ErrorRecord);
  }
}

function tooLarge(): ErrorRecord {
  const { code, message, context } = new HoldfastError('unsupported', `a tree of the parent snapshot has more than ${maxBytes} bytes`);
  return { code, message, context };
}
