import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IncrementalSha256, sha256Hex, sha256Into } from './sha256.ts';

// FIPS 180-4 examples.
const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('sha256', () => {
  it('gives the sums of the standard', () => {
    assert.equal(sha256Hex(Buffer.from('abc')), abc);
    assert.equal(sha256Hex(new Uint8Array(0)), empty);
  });

  it('writes the same sum as bytes to the front of the target', () => {
    const target = Buffer.alloc(40, 0xee);
    sha256Into(Buffer.from('abc'), target);
    assert.equal(target.toString('hex'), abc + 'ee'.repeat(8));
    assert.throws(() => sha256Into(Buffer.from('abc'), Buffer.alloc(31)), /too small/);
  });

  it('takes views over shared memory', () => {
    const view = new Uint8Array(new SharedArrayBuffer(10), 4, 3);
    view.set(Buffer.from('abc'));
    assert.equal(sha256Hex(view), abc);
  });
});

describe('an IncrementalSha256', () => {
  it('sums pieces as if they were one, and starts anew after each digest', () => {
    const sum = new IncrementalSha256();
    assert.equal(sum.digestHex(), empty);
    for (const piece of ['a', '', 'bc']) sum.update(Buffer.from(piece));
    assert.equal(sum.digestHex(), abc);
    assert.equal(sum.digestHex(), empty);
  });
});
