import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { mixLanes } from './lanes.ts';
import { scrypt } from './scrypt.ts';

/** RFC 7914, section 10: ROMix with r = 1, N = 16. */
const rfcInput =
  'f7ce0b653d2d72a4108cf5abe912ffdd777616dbbb27a70e8204f3ae2d0f6fad89f68f4811d1e87bcc3bd7400a9ffd29094f0184639574f39ae5a1315217bcd7' +
  '894991447213bb226c25b54da86370fbcd984380374666bb8ffcb5bf40c254b067d27c51ce4ad5fed829c90b505a571b7f4d1cad6a523cda770e67bceaaf7e89';
const rfcOutput =
  '79ccc193629debca047f0b70604bf6b62ce3dd4a9626e355fafc6198e6ea2b46d58413673b99b029d665c357601fb426a0b2f4bba200ee9f0a43d19b571a9c71' +
  'ef1142e65d5a266fddca832ce59faa7cac0b9cf1be2bffca300d01ee387619c4ae12fd4438f203a0e4e1c47ec314861f4e9087cb33396a6873e8f9d2539a4b8e';

describe('mixLanes', () => {
  it('gives what the standard gives, in both places of a pair and where a pair has one block', async () => {
    const blocks = Buffer.from(rfcInput.repeat(3), 'hex');
    await mixLanes(blocks, 16, 1);
    assert.equal(blocks.toString('hex'), rfcOutput.repeat(3));
  });
});

describe('scrypt', () => {
  const costs = [
    { N: 2, r: 1, p: 2 },
    { N: 1024, r: 1, p: 2 },
    { N: 4096, r: 8, p: 3 },
    { N: 8192, r: 3, p: 5 },
    { N: 4096, r: 128, p: 2 },
    // These are not done in pairs: only one block, too large blocks, too much memory.
    { N: 4096, r: 8, p: 1 },
    { N: 4096, r: 129, p: 2 },
    { N: 131_072, r: 8, p: 2 },
  ];
  for (const cost of costs) {
    it(`gives what OpenSSL gives with N = ${cost.N}, r = ${cost.r}, p = ${cost.p}`, async () => {
      const salt = Buffer.from(`salt of ${cost.N}, ${cost.r}, ${cost.p}`);
      const expected = scryptSync('pässwörd', salt, 64, { ...cost, maxmem: 1 << 30 });
      assert.deepEqual(await scrypt('pässwörd', salt, 64, cost), expected);
    });
  }
});
