import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { returnFreedMemory } from './freed-memory.ts';

describe('returnFreedMemory', () => {
  it('lets the process shrink by what is freed', () => {
    returnFreedMemory();
    returnFreedMemory();
    const pieces = Array.from({ length: 20 }, () => Buffer.allocUnsafeSlow(4 << 20).fill(1));
    const full = process.memoryUsage.rss();
    for (const piece of pieces) piece.buffer.transfer(0);
    assert.ok(full - process.memoryUsage.rss() > 60 << 20);
  });
});
