import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReusedBuffer } from './reused-buffer.ts';

describe('ReusedBuffer', () => {
  it('gives the same memory again for what fits, and exactly the length asked for', () => {
    const buffer = new ReusedBuffer(1000);
    const first = buffer.take(1000);
    assert.deepEqual([first.length, buffer.take(0).length, buffer.take(10).length], [1000, 0, 10]);
    assert.equal(buffer.take(10).buffer, first.buffer);
  });

  it('frees what was larger at the next use', () => {
    const buffer = new ReusedBuffer(1000);
    const large = buffer.take(1001);
    assert.equal(large.length, 1001);
    buffer.take(5);
    assert.equal(large.length, 0);
    const last = buffer.take(5000);
    buffer.release();
    assert.equal(last.length, 0);
  });
});
