import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Clock, systemClock, systemRandomness } from '../../base/clock.ts';
import type { Backend, LoadOptions, StoredFile } from '../backend.ts';
import { describeBackend } from '../conformance.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';
import { LocalBackend } from '../local/local-backend.ts';
import { MemoryBackend } from '../memory/memory-backend.ts';
import { pacedPieces, TokenBucket, type TransferPaces } from '../pace.ts';
import { StagingArea } from '../staging-area.ts';
import { ConnectionLimitBackend } from './connection-limit-backend.ts';
import { LimitBackend } from './limit-backend.ts';

/** Time passes only by sleeping. */
class SleepingClock implements Clock {
  readonly slept: number[] = [];
  #ms = 0;
  readonly nowNs = (): bigint => BigInt(Math.round(this.#ms)) * 1_000_000n;
  readonly monotonicMs = (): number => this.#ms;
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.#ms += ms;
  }
}

function limited(inner: Backend, paces: TransferPaces): LimitBackend {
  const staging = new StagingArea({
    parent: mkdtempSync(join(tmpdir(), 'holdfast-limit-')),
    makesParent: false,
    clock: systemClock,
    random: systemRandomness,
  });
  return new LimitBackend(inner, { ...paces, staging });
}

function fastPaces(): TransferPaces {
  const bucket = () => new TokenBucket({ bytesPerSecond: 50 << 20, clock: systemClock });
  return { upload: bucket(), download: bucket() };
}

// Pieces of a few bytes: every path that cuts something into pieces is taken.
describeBackend('LimitBackend that cuts everything into pieces', async () => {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-limited-'));
  const tiny = { pieceBytes: 5, take: async () => {}, charge: () => {} };
  const open = () => limited(new LocalBackend({ path }), { upload: tiny, download: tiny });
  return { backend: open(), reopen: async () => open(), dispose: async () => rmSync(path, { recursive: true, force: true }) };
});

describeBackend('LimitBackend around a MemoryBackend', async () => {
  const backend = limited(new MemoryBackend(), fastPaces());
  return { backend, reopen: async () => backend, dispose: async () => {} };
});

describeBackend('ConnectionLimitBackend around a LocalBackend', async () => {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-limited-'));
  const open = () => new ConnectionLimitBackend(new LocalBackend({ path }), 2);
  return { backend: open(), reopen: async () => open(), dispose: async () => rmSync(path, { recursive: true, force: true }) };
});

function someFile(sizeBytes: number): { file: StoredFile; bytes: Buffer } {
  const bytes = randomBytes(sizeBytes);
  return { file: { kind: 'pack', name: createHash('sha256').update(bytes).digest('hex') }, bytes };
}

describe('TokenBucket', () => {
  it('lets through what the rate allows, and shares it among all that ask', async () => {
    const clock = new SleepingClock();
    const bucket = new TokenBucket({ bytesPerSecond: 1000, clock });
    for (let n = 0; n < 50; n++) await bucket.take(100);
    assert.ok(clock.monotonicMs() >= 4_700 && clock.monotonicMs() <= 5_000, String(clock.monotonicMs()));
  });

  it('waits between the pieces of one transfer, and not for a whole one at its end', async () => {
    const clock = new SleepingClock();
    const bucket = new TokenBucket({ bytesPerSecond: 100_000, clock });
    const pieces = await Array.fromAsync(pacedPieces([randomBytes(300_000)], bucket), (piece) => piece.length);
    assert.equal(
      pieces.reduce((sum, length) => sum + length, 0),
      300_000,
    );
    assert.ok(clock.slept.length > 30 && Math.max(...clock.slept) <= 100, `${clock.slept.length} waits, ${Math.max(...clock.slept)} ms`);
    assert.ok(clock.monotonicMs() > 2_700 && clock.monotonicMs() <= 3_000, String(clock.monotonicMs()));
  });

  it('gives back what was not sent because of a signal', async () => {
    const clock = new SleepingClock();
    const bucket = new TokenBucket({ bytesPerSecond: 1000, clock });
    await bucket.take(10_000);
    const controller = new AbortController();
    const waiting = new TokenBucket({ bytesPerSecond: 1, clock: systemClock });
    await waiting.take(1000);
    const taking = waiting.take(1000, controller.signal);
    controller.abort();
    await assert.rejects(taking, { code: 'cancelled' });
    await assert.rejects(bucket.take(1, AbortSignal.abort()), { code: 'cancelled' });
  });
});

describe('LimitBackend', () => {
  it('holds a folder of this machine to the rate in both directions, however large one file is', async (t) => {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-limited-'));
    const clock = new SleepingClock();
    const pace = () => new TokenBucket({ bytesPerSecond: 100_000, clock });
    const backend = limited(new LocalBackend({ path }), { upload: pace(), download: pace() });
    t.after(async () => {
      await backend.close();
      rmSync(path, { recursive: true, force: true });
    });
    await backend.create();
    const { file, bytes } = someFile(500_000);
    const staged = join(await backend.stagingFolder(), 'staged');
    assert.ok(!staged.startsWith(path), 'what waits must not be on the disk that is spared');
    writeFileSync(staged, bytes);
    await backend.adopt(file, staged);
    assert.ok(clock.monotonicMs() > 4_700 && clock.monotonicMs() <= 5_000, String(clock.monotonicMs()));
    assert.deepEqual(await backend.load(file), bytes);
    assert.ok(clock.monotonicMs() > 9_400 && clock.monotonicMs() <= 10_000, String(clock.monotonicMs()));
    assert.ok(Math.max(...clock.slept) <= 100);
    assert.equal(backend.capabilities.localFiles, false);
  });

  it('lets a lock go before everything that waits', async () => {
    const backend = limited(new MemoryBackend(), { upload: new TokenBucket({ bytesPerSecond: 1000, clock: systemClock }) });
    await backend.save(someFile(1 << 20).file, randomBytes(1 << 20));
    const startMs = performance.now();
    await backend.save({ kind: 'lock', name: 'a'.repeat(64) }, randomBytes(100));
    assert.ok(performance.now() - startMs < 5_000);
  });
});

describe('ConnectionLimitBackend', () => {
  it('lets no more calls run at once than were allowed, and locks besides', async () => {
    let running = 0;
    let most = 0;
    class Counting extends ForwardingBackend {
      override async load(file: StoredFile, options?: LoadOptions): Promise<Buffer> {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return await super.load(file, options);
      }
    }
    const memory = new MemoryBackend();
    const { file, bytes } = someFile(10);
    const lock: StoredFile = { kind: 'lock', name: file.name };
    await memory.save(file, bytes);
    await memory.save(lock, bytes);
    const backend = new ConnectionLimitBackend(new Counting(memory), 3);
    await Promise.all(Array.from({ length: 20 }, () => backend.load(file)));
    assert.equal(most, 3);
    const controller = new AbortController();
    const waiting = Array.from({ length: 5 }, () => backend.load(file, { signal: controller.signal }));
    assert.deepEqual(await backend.load(lock), bytes);
    controller.abort();
    const outcomes = await Promise.allSettled(waiting);
    assert.ok(outcomes.some(({ status }) => status === 'rejected'));
  });
});
