import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { PlantedRepository, type SealedBlob } from '../../test/support/planted-repository.ts';
import { systemRandomness } from '../base/clock.ts';
import { createCipherSuite } from '../crypto/create-cipher-suite.ts';
import { createNodeCipherSuite } from '../crypto/node-cipher-suite.ts';
import { Sealer } from '../crypto/sealer.ts';
import { MemoryBackend } from '../storage/memory/memory-backend.ts';
import { assertBlobLengths, BlobDecoder } from './blob-decoder.ts';

const planted = new PlantedRepository(new MemoryBackend());
const suites = { 'of this process': createCipherSuite, 'of node:crypto': createNodeCipherSuite };

for (const [name, createSuite] of Object.entries(suites)) {
  describe(`BlobDecoder with the ciphers ${name}`, () => {
    const decoder = new BlobDecoder(new Sealer(planted.key, systemRandomness, createSuite(planted.key)));
    const decode = ({ sealed, uncompressedLength = 0, id }: SealedBlob) => decoder.decode(Buffer.from(sealed), uncompressedLength, id);

    it('gives the plaintext of blobs of all sizes, compressed and not', () => {
      for (const content of [
        Buffer.alloc(0),
        randomBytes(70_000),
        Buffer.alloc(3_000_000, 'ab'),
        randomBytes(5_000_000),
        Buffer.alloc(12_000_000),
      ]) {
        assert.ok(content.equals(decode(planted.blob('data', content))), `${content.length} bytes`);
      }
    });

    it('refuses a wrong id, a flipped bit, and a wrong length', () => {
      const blob = planted.blob('data', 'text '.repeat(100));
      const flipped = Buffer.from(blob.sealed);
      flipped[20] = (flipped[20] ?? 0) ^ 1;
      const wrong: SealedBlob[] = [
        { ...blob, id: planted.blob('data', 'other').id },
        { ...blob, sealed: flipped },
        { ...blob, sealed: blob.sealed.subarray(0, 31) },
        { ...blob, uncompressedLength: 499 },
        { ...blob, uncompressedLength: 501 },
      ];
      for (const each of wrong) assert.throws(() => decode(each), { code: 'damaged' });
      assert.equal(Buffer.from(decode(blob)).toString(), 'text '.repeat(100), 'and still works');
    });
  });
}

describe('assertBlobLengths', () => {
  it('takes what zstd can do, and nothing beyond', () => {
    assertBlobLengths(32, 0);
    assertBlobLengths(132, 100 * 32 * 1024);
    for (const [length, plainLength] of [
      [31, 0],
      [32, 1],
      [132, 100 * 32 * 1024 + 1],
      [2 ** 31, 0],
      [2 ** 29, 2 ** 32 - 1],
    ] as const) {
      assert.throws(() => assertBlobLengths(length, plainLength), { code: 'damaged', message: /impossible/ });
    }
  });
});
