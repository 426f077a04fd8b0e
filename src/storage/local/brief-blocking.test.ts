import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BriefBlocking } from './brief-blocking.ts';

function busyFor(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

describe('calls that block', () => {
  it('give others a turn first, and again after a short while', async () => {
    const blocking = new BriefBlocking();
    const order: string[] = [];
    setImmediate(() => order.push('another'));
    assert.equal(await blocking.isNext(), true);
    order.push('first');
    setImmediate(() => order.push('another'));
    assert.equal(await blocking.isNext(), true);
    order.push('second');
    blocking.run(() => busyFor(20));
    assert.equal(await blocking.isNext(), true);
    order.push('third');
    assert.deepEqual(order, ['another', 'first', 'second', 'another', 'third']);
  });

  it('give what the call gives, and throw what it throws', () => {
    const blocking = new BriefBlocking();
    const result = blocking.run(() => 7);
    assert.equal(result, 7);
    const fail = (): never => {
      throw new Error('no');
    };
    assert.throws(() => blocking.run(fail), /no/);
  });

  it('are not made for a long while after some that were slow', async () => {
    const blocking = new BriefBlocking();
    for (let call = 0; call < 5; call++) blocking.run(() => busyFor(5));
    for (let call = 0; call < 200; call++) assert.equal(await blocking.isNext(), false);
    assert.equal(await blocking.isNext(), true);
  });

  it('go on after a single slow one: the processor may have been away', async () => {
    const blocking = new BriefBlocking();
    blocking.run(() => busyFor(50));
    assert.equal(await blocking.isNext(), true);
  });
});
