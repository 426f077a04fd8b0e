/** A worker for the tests of the pool: it does what it is told, failing in each of the ways in which threads fail. */
import { threadId } from 'node:worker_threads';
import { HoldfastError } from '../../src/base/errors.ts';
import { notify, serve } from '../../src/workers/protocol.ts';

export type OddRequest =
  | { readonly kind: 'echo'; readonly value: number }
  /** Blocks the thread until the Int32 is no longer 0. */
  | { readonly kind: 'wait'; readonly gate: SharedArrayBuffer; readonly value?: number }
  | { readonly kind: 'notify'; readonly notices: readonly number[] }
  | { readonly kind: 'fail' | 'throw' | 'throw-later' | 'exit' | 'answer-function' };

export interface OddResponse {
  readonly value: number;
  readonly thread: number;
}

serve<OddRequest, OddResponse>((request) => {
  if (request.kind === 'wait') Atomics.wait(new Int32Array(request.gate), 0, 0);
  if (request.kind === 'notify') for (const notice of request.notices) notify(notice);
  if (request.kind !== 'echo' && request.kind !== 'wait' && request.kind !== 'notify') return failAs(request.kind);
  return { value: 'value' in request ? (request.value ?? 0) : 0, thread: threadId };
});

function failAs(kind: 'fail' | 'throw' | 'throw-later' | 'exit' | 'answer-function'): OddResponse {
  if (kind === 'fail') throw new HoldfastError('storage-full', 'no room', { hint: 'Make room.', context: { file: 'a', bytes: 3 } });
  if (kind === 'throw') throw new TypeError('a defect');
  if (kind === 'answer-function') return { value: 0, thread: (() => 0) as unknown as number };
  if (kind === 'exit') return process.exit(7);
  if (kind === 'throw-later') throwLater();
  return { value: 0, thread: 0 };
}

function throwLater(): void {
  setImmediate(() => {
    throw new RangeError('outside of any request');
  });
}
