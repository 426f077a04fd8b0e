import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { mapConcurrently } from './concurrency.ts';

describe('mapConcurrently', () => {
  it('gives results in the order of the items, with several under way at once and never all', async () => {
    let running = 0;
    let most = 0;
    const items = Array.from({ length: 100 }, (_, n) => n);
    const results = await mapConcurrently(items, async (n) => {
      most = Math.max(most, ++running);
      await delay(n % 3);
      running--;
      return n * 2;
    });
    assert.deepEqual(
      results,
      items.map((n) => n * 2),
    );
    assert.ok(most > 1 && most < 100, String(most));
  });

  it('ends with the first failure, begins nothing more, and leaves nothing running', async () => {
    let begun = 0;
    let running = 0;
    const work = mapConcurrently(Array.from({ length: 100 }), async () => {
      running++;
      const isFailing = ++begun === 3;
      await delay(isFailing ? 1 : 5);
      running--;
      if (isFailing) throw new Error('third');
    });
    await assert.rejects(work, /third/);
    assert.equal(running, 0);
    assert.ok(begun < 100);
  });

  it('ends as cancelled, and takes an empty list', async () => {
    assert.deepEqual(await mapConcurrently([], async () => 1), []);
    await assert.rejects(
      mapConcurrently([1], async () => 1, AbortSignal.abort()),
      { code: 'cancelled' },
    );
  });
});
