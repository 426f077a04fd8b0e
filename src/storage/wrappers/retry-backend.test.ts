import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Clock, Randomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { HoldfastEvent } from '../../base/events.ts';
import type { StoredFile } from '../backend.ts';
import { describeBackend } from '../conformance.ts';
import { MemoryBackend } from '../memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from './faulty-backend.ts';
import { RetryBackend } from './retry-backend.ts';

const minuteMs = 60_000;
const bytes = Buffer.from('content');
const file: StoredFile = { kind: 'index', name: createHash('sha256').update(bytes).digest('hex') };
/** Draws the middle of every interval. */
const middle: Randomness = {
  fill: (target) => {
    new DataView(target.buffer, target.byteOffset).setUint32(0, 2 ** 31, true);
  },
};

/** Time passes only by sleeping. */
class SleepingClock implements Clock {
  readonly slept: number[] = [];
  #ms = 0;
  readonly nowNs = (): bigint => BigInt(this.#ms) * 1_000_000n;
  readonly monotonicMs = (): number => this.#ms;
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.#ms += ms;
  }
}

function setUp(plan: readonly PlannedFault[], budgetMs = 15 * minuteMs) {
  const clock = new SleepingClock();
  const events: HoldfastEvent[] = [];
  const memory = new MemoryBackend();
  const backend = new RetryBackend(new FaultyBackend(memory, plan), {
    budgetMs,
    clock,
    random: middle,
    events: (event) => events.push(event),
  });
  return { backend, memory, clock, messages: () => events.map((event) => (event.kind === 'warning' ? event.message : event.kind)) };
}

const passing = (context: Record<string, number> = {}): HoldfastError =>
  new HoldfastError('storage-failed', 'the line is down', { isRetryable: true, context });

describeBackend('RetryBackend', async () => {
  const { backend } = setUp([]);
  return { backend, reopen: async () => backend, dispose: async () => {} };
});

describe('RetryBackend', () => {
  it('repeats what may pass, with growing pauses, and says so once', async () => {
    const { backend, clock, messages } = setUp([{ operation: 'save', nth: 1, times: 4, fault: { kind: 'fail', error: passing() } }]);
    await backend.save(file, bytes);
    assert.deepEqual(clock.slept, [375, 750, 1500, 3000]);
    assert.deepEqual(messages(), ['the line is down; trying again in 1 s', 'memory answers again']);
    assert.deepEqual(await backend.load(file), bytes);
  });

  it('ends at once with what cannot pass', async () => {
    const denied = new HoldfastError('storage-denied', 'no');
    const { backend, clock } = setUp([{ operation: 'save', nth: 1, fault: { kind: 'fail', error: denied } }]);
    await assert.rejects(backend.save(file, bytes), denied);
    assert.deepEqual(clock.slept, []);
  });

  it('gives up when the time is over, and names the failure', async () => {
    const { backend, clock } = setUp([
      { operation: 'load', nth: 2, times: Number.POSITIVE_INFINITY, fault: { kind: 'fail', error: passing() } },
    ]);
    await backend.save(file, bytes);
    await backend.load(file);
    await assert.rejects(backend.load(file), /the line is down, also after \d+ attempts/);
    const totalMs = clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(totalMs > 13 * minuteMs && totalMs <= 15 * minuteMs, String(totalMs));
  });

  it('gives up after a minute where the storage never answered', async () => {
    const { backend, clock } = setUp([
      { operation: 'open', nth: 1, times: Number.POSITIVE_INFINITY, fault: { kind: 'fail', error: passing() } },
    ]);
    await assert.rejects(backend.open(), /the line is down/);
    assert.ok(clock.slept.reduce((sum, ms) => sum + ms, 0) <= minuteMs);
  });

  it('waits as long as the server asks for, and not at all for longer than it may', async () => {
    const asked = (retryAfterMs: number): PlannedFault => ({
      operation: 'save',
      nth: 1,
      fault: { kind: 'fail', error: passing({ status: 503, retryAfterMs }) },
    });
    const patient = setUp([asked(7000)]);
    await patient.backend.save(file, bytes);
    assert.deepEqual(patient.clock.slept, [7000]);
    const hopeless = setUp([asked(16 * minuteMs)]);
    await assert.rejects(hopeless.backend.save(file, bytes), /the line is down/);
    assert.deepEqual(hopeless.clock.slept, []);
  });

  it('a save and a removal whose answers were lost are repeated without harm', async () => {
    const lost = (operation: 'save' | 'remove'): PlannedFault => ({
      operation,
      nth: 1,
      fault: { kind: 'fail', error: passing(), when: 'after' },
    });
    const { backend } = setUp([lost('save'), lost('remove')]);
    await backend.save(file, bytes);
    assert.deepEqual(await backend.load(file), bytes);
    await backend.remove(file);
    assert.equal(await backend.exists(file), false);
  });

  it('a list that fails is begun again, and names every file once', async () => {
    const { backend, clock } = setUp([{ operation: 'list', nth: 1, times: 2, fault: { kind: 'fail', error: passing() } }]);
    await backend.save(file, bytes);
    assert.deepEqual(await Array.fromAsync(backend.list('index')), [{ name: file.name, sizeBytes: bytes.length }]);
    assert.equal(clock.slept.length, 2);
  });

  it('a signal ends the waiting as cancelled', async () => {
    const controller = new AbortController();
    const { memory } = setUp([]);
    const faulty = new FaultyBackend(memory, [{ operation: 'save', nth: 1, times: 99, fault: { kind: 'fail', error: passing() } }]);
    const clock: Clock = {
      nowNs: () => 0n,
      monotonicMs: () => 0,
      sleep: async () => {
        controller.abort();
        controller.signal.throwIfAborted();
      },
    };
    const backend = new RetryBackend(faulty, { budgetMs: minuteMs, clock, random: middle, events: () => {} });
    await assert.rejects(backend.save(file, bytes, { signal: controller.signal }), { code: 'cancelled' });
  });

  it('does not repeat at all without time for it', async () => {
    const { backend, clock } = setUp([{ operation: 'save', nth: 1, fault: { kind: 'fail', error: passing() } }], 0);
    await assert.rejects(backend.save(file, bytes), /the line is down$/);
    assert.deepEqual(clock.slept, []);
  });
});
