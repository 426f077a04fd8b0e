import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HoldfastError } from '../base/errors.ts';
import { failure } from '../../test/support/failure.ts';
import type { OddRequest, OddResponse } from '../../test/support/odd.worker.ts';
import { WorkerPool, type PoolOptions } from './pool.ts';

type OddPool = WorkerPool<OddRequest, OddResponse, number>;

const entry = new URL('../../test/support/odd.worker.ts', import.meta.url);

function createPool(options: Partial<PoolOptions<number, OddResponse>> = {}): OddPool {
  return new WorkerPool<OddRequest, OddResponse, number>({
    entry,
    workerCount: 2,
    workerData: () => undefined,
    patienceMs: 200,
    ...options,
  });
}

/** Holds back whoever waits for it until it is opened. */
class Gate {
  readonly memory = new SharedArrayBuffer(4);

  request(value = 0): OddRequest {
    return { kind: 'wait', gate: this.memory, value };
  }

  open(): void {
    const gate = new Int32Array(this.memory);
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  }
}

const echo = (value: number): OddRequest => ({ kind: 'echo', value });

describe('WorkerPool', () => {
  it('gives each request its own answer, however many there are', async () => {
    await using pool = createPool({ workerCount: 3 });
    const values = Array.from({ length: 5000 }, (_, value) => value);
    const answers = await Promise.all(values.map((value) => pool.run(echo(value))));
    assert.deepEqual(
      answers.map((answer) => answer.value),
      values,
    );
    assert.equal(pool.queuedCount, 0);
  });

  it('gives every worker one request before any gets its second', async () => {
    await using pool = createPool();
    await pool.runOnAll(echo(0));
    const gate = new Gate();
    const waiting = [pool.run(gate.request()), pool.run(gate.request())];
    gate.open();
    const [first, second] = await Promise.all(waiting);
    assert.notEqual(first?.thread, second?.thread);
  });

  it('does urgent requests before all that were there earlier', async () => {
    await using pool = createPool({ workerCount: 1, depth: 1 });
    const gate = new Gate();
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const running = pool.run(gate.request()).then(note('running'));
    const inTurn = [1, 2].map((value) => pool.run(echo(value)).then(note(`in turn ${value}`)));
    const urgent = [1, 2].map((value) => pool.run(echo(value), 'urgent').then(note(`urgent ${value}`)));
    assert.equal(pool.queuedCount, 4);
    gate.open();
    await Promise.all([running, ...inTurn, ...urgent]);
    assert.deepEqual(order, ['running', 'urgent 1', 'urgent 2', 'in turn 1', 'in turn 2']);
  });

  it('runs a request once on every worker', async () => {
    await using pool = createPool({ workerCount: 4 });
    const answers = await pool.runOnAll(echo(1));
    assert.equal(new Set(answers.map((answer) => answer.thread)).size, 4);
  });

  it('hands on what workers say, in their order, before the answer', async () => {
    const heard: number[] = [];
    await using pool = createPool({ workerCount: 1, onNotice: (notice) => heard.push(notice) });
    await pool.run({ kind: 'notify', notices: [1, 2, 3] });
    assert.deepEqual(heard, [1, 2, 3]);
  });

  it('keeps the number of requests that it would like to have', async () => {
    const hunger = new Int32Array(new SharedArrayBuffer(4));
    await using pool = createPool({ depth: 1, hunger });
    const gate = new Gate();
    const busy = [pool.run(gate.request()), pool.run(gate.request())];
    assert.equal(hunger[0], 2, 'one in reserve for each of two that work');
    const queued = [pool.run(echo(1)), pool.run(echo(2)), pool.run(echo(3))];
    assert.equal(hunger[0], 0, 'never less than none');
    gate.open();
    await Promise.all([...busy, ...queued]);
    assert.equal(hunger[0], 4, 'two are idle');
  });
});

describe('WorkerPool that starts with fewer workers than it may have', () => {
  it('starts the others while requests wait, though none is answered meanwhile', async () => {
    await using pool = createPool({ workerCount: 3, firstWorkers: 1, depth: 1 });
    await pool.setUp(echo(0));
    const gate = new Gate();
    const held = pool.run(gate.request());
    const others = await Promise.all([pool.run(echo(1)), pool.run(echo(2))]);
    assert.deepEqual(
      others.map((answer) => answer.value),
      [1, 2],
    );
    gate.open();
    await held;
  });

  it('sets up those that start late before they get requests', async () => {
    const heard: number[] = [];
    await using pool = createPool({ workerCount: 2, firstWorkers: 1, depth: 1, onNotice: (notice) => heard.push(notice) });
    await pool.setUp({ kind: 'notify', notices: [7] });
    const gate = new Gate();
    const held = pool.run(gate.request());
    await pool.run({ kind: 'notify', notices: [8] });
    gate.open();
    await held;
    assert.deepEqual(heard, [7, 7, 8]);
  });

  it('knows which workers were used', async () => {
    await using pool = createPool({ workerCount: 3 });
    assert.deepEqual(await pool.runOnUsed(echo(1)), []);
    const used = await pool.run(echo(2));
    assert.deepEqual(
      (await pool.runOnUsed(echo(3))).map((answer) => answer.thread),
      [used.thread],
    );
  });
});

describe('WorkerPool whose workers fail', () => {
  it('keeps code, message, hint and context of an error, and goes on', async () => {
    await using pool = createPool();
    const error = await failure(pool.run({ kind: 'fail' }), 'storage-full');
    assert.equal(error.message, 'no room');
    assert.equal(error.hint, 'Make room.');
    assert.deepEqual(error.context, { file: 'a', bytes: 3 });
    assert.equal((await pool.run(echo(1))).value, 1);
  });

  it('answers with an internal error where a worker threw something else, or answered what cannot be sent', async () => {
    await using pool = createPool();
    assert.equal((await failure(pool.run({ kind: 'throw' }), 'internal')).message, 'a defect');
    await failure(pool.run({ kind: 'answer-function' }), 'internal');
    assert.equal((await pool.run(echo(1))).value, 1);
  });

  it('rejects everything that is open, queued or comes later when a thread ends', async () => {
    await using pool = createPool({ workerCount: 2, depth: 1 });
    const gate = new Gate();
    const open = [gate.request(), { kind: 'exit' } as const, gate.request()].map((request) => pool.run(request));
    const message = 'a worker thread ended with code 7';
    for (const request of [...open, pool.run(echo(1), 'urgent')]) assert.equal((await failure(request, 'internal')).message, message);
    assert.equal((await failure(pool.run(echo(1)), 'internal')).message, message);
    assert.equal((await failure(pool.runOnAll(echo(1)), 'internal')).message, message);
    gate.open();
  });

  it('rejects what is open at the others when a thread throws outside of any request', async () => {
    await using pool = createPool({ workerCount: 2, depth: 1 });
    const gate = new Gate();
    const held = pool.run(gate.request());
    // It may be answered before.
    await Promise.allSettled([pool.run({ kind: 'throw-later' })]);
    assert.equal((await failure(held, 'internal')).message, 'outside of any request');
    gate.open();
  });

  it('fails as a whole when its owner cannot take a notice', async () => {
    await using pool = createPool({
      onNotice: () => {
        throw new HoldfastError('damaged', 'that was not to be said');
      },
    });
    const error = await failure(pool.run({ kind: 'notify', notices: [1] }), 'damaged');
    assert.equal(error.message, 'that was not to be said');
  });
});

describe('WorkerPool that ends', () => {
  it('rejects what is open when the signal fires, with the reason where that is an error of ours', async () => {
    const gate = new Gate();
    for (const [reason, message] of [
      [new HoldfastError('cancelled', 'stopped by SIGINT'), 'stopped by SIGINT'],
      [undefined, 'the operation was cancelled'],
    ] as const) {
      const controller = new AbortController();
      await using pool = createPool({ workerCount: 1, signal: controller.signal });
      const open = [pool.run(gate.request()), pool.run(gate.request()), pool.run(gate.request())];
      controller.abort(reason);
      for (const request of open) assert.equal((await failure(request, 'cancelled')).message, message);
      await failure(pool.run(echo(1)), 'cancelled');
    }
    gate.open();
  });

  it('takes no request when the signal fired before it was made', async () => {
    await using pool = createPool({ signal: AbortSignal.abort() });
    await failure(pool.run(echo(1)), 'cancelled');
  });

  it('rejects what is open and what comes later when it is closed, and ends its threads', async () => {
    const pool = createPool();
    const open = [pool.run(echo(1)), pool.run({ kind: 'wait', gate: new SharedArrayBuffer(4) })];
    const outcomes = Promise.allSettled(open);
    await pool.close();
    for (const outcome of await outcomes)
      assert.equal(outcome.status === 'rejected' && (outcome.reason as HoldfastError).code, 'cancelled');
    assert.match((await failure(pool.run(echo(1)), 'cancelled')).message, /closed/u);
    await failure(pool.runOnAll(echo(1)), 'cancelled');
    await pool.close();
  });

  it('tells requests that take long to end, and hands over answers that come too late', async () => {
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const late: OddResponse[] = [];
    const pool = createPool({ workerCount: 1, stop, onLateResponse: (response) => late.push(response) });
    await pool.run(echo(1));
    assert.equal(stop[0], 0);
    const gate = new Gate();
    const held = failure(pool.run(gate.request(7)), 'cancelled');
    const closed = pool.close();
    assert.equal(stop[0], 1);
    gate.open();
    await Promise.all([held, closed]);
    assert.deepEqual(
      late.map((response) => response.value),
      [7],
    );
  });

  it('leaves no listener at a signal that outlives it', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => void (add(...args), listeners++);
    signal.removeEventListener = (...args: Parameters<typeof remove>) => void (remove(...args), listeners--);
    await createPool({ signal }).close();
    assert.equal(listeners, 0);
  });
});
