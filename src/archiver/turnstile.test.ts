import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Turnstile } from './turnstile.ts';

describe('Turnstile', () => {
  it('lets so many in at once, the others in the order in which they came', async () => {
    const turnstile = new Turnstile(2);
    const order: number[] = [];
    const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
    const runs = ends.map(({ promise }, index) =>
      turnstile.run(async () => {
        order.push(index);
        return await promise;
      }),
    );
    await turn();
    assert.deepEqual(order, [0, 1]);
    ends[1]?.resolve(11);
    await turn();
    assert.deepEqual(order, [0, 1, 2]);
    for (const [index, end] of ends.entries()) end.resolve(10 + index);
    assert.deepEqual(await Promise.all(runs), [10, 11, 12, 13, 14]);
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
  });

  it('gives the place of work that failed to the next', async () => {
    const turnstile = new Turnstile(1);
    const failing = turnstile.run(() => Promise.reject(new Error('that one')));
    const next = turnstile.run(async () => 'done');
    await assert.rejects(failing, /that one/u);
    assert.equal(await next, 'done');
    assert.equal(await turnstile.run(async () => 'and later'), 'and later');
  });
});
