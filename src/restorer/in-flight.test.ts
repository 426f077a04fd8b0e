import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { drainInFlight, forEachInFlight, inGroups } from './in-flight.ts';

describe('forEachInFlight', () => {
  it('works on every item once, and on no more at a time than it may', async () => {
    const done: number[] = [];
    let running = 0;
    let most = 0;
    await forEachInFlight(
      Array.from({ length: 50 }, (_, item) => item),
      4,
      async (item) => {
        most = Math.max(most, ++running);
        await sleep(1);
        running--;
        done.push(item);
      },
    );
    assert.equal(most, 4);
    assert.deepEqual(
      done.toSorted((a, b) => a - b),
      [...Array(50).keys()],
    );
  });

  it('begins nothing more after a failure, and waits for what runs', async () => {
    let begun = 0;
    let ended = 0;
    const work = forEachInFlight(Array(100).keys(), 3, async (item) => {
      begun++;
      await sleep(item === 1 ? 1 : 20);
      ended++;
      if (item === 1) throw new Error('the second item');
    });
    await assert.rejects(work, /the second item/u);
    assert.deepEqual([begun, ended], [3, 3]);
  });

  it('fails when the items do', async () => {
    const items = function* (): Generator<number> {
      yield 1;
      throw new Error('no further item');
    };
    await assert.rejects(
      forEachInFlight(items(), 2, async () => {}),
      /no further item/u,
    );
  });
});

describe('drainInFlight', () => {
  it('ends when the list is empty and nothing runs that adds to it', async () => {
    const waiting = [64];
    let sum = 0;
    await drainInFlight(waiting, { limit: 4, maxGroup: 3 }, async (items) => {
      assert.ok(items.length >= 1 && items.length <= 3);
      await sleep(0);
      for (const item of items) {
        sum++;
        if (item > 1) waiting.push(item / 2, item / 2);
      }
    });
    assert.equal(sum, 127);
  });

  it('throws the first failure when nothing runs any more', async () => {
    let running = 0;
    const work = drainInFlight([1, 2, 3, 4], { limit: 2, maxGroup: 1 }, async ([item]) => {
      running++;
      await sleep(item === 4 ? 1 : 10);
      running--;
      if (item === 4) throw new Error('four');
    });
    await assert.rejects(work, /four/u);
    assert.equal(running, 0);
  });
});

describe('inGroups', () => {
  it('gives full groups, and what is left', () => {
    assert.deepEqual([...inGroups([1, 2, 3, 4, 5], 2)], [[1, 2], [3, 4], [5]]);
    assert.deepEqual([...inGroups([], 2)], []);
  });
});
