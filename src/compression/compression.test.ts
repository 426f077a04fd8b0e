import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { processSymbols } from '../base/process-symbols.ts';
import { Compressor, type CompressionMode } from './compressor.ts';
import { decompress, decompressUnknown } from './decompress.ts';
import { openLibzstd } from './libzstd.ts';
import { nodeZstd } from './node-zstd.ts';
import { openZstd } from './open-zstd.ts';
import type { Zstd } from './zstd.ts';

const modes: readonly Exclude<CompressionMode, 'off'>[] = ['auto', 'fastest', 'better', 'max'];
const maxBytes = 1 << 26;
const someText = Buffer.alloc(50_000, readFileSync(new URL(import.meta.url)));
const damaged = { code: 'damaged' };

function libzstd(): Zstd {
  const symbols = processSymbols();
  const opened = symbols && openLibzstd(symbols);
  assert.ok(opened, 'the node that runs the tests exports its libzstd');
  return opened;
}

const ways = { libzstd: libzstd(), 'node:zlib': nodeZstd };

/** RFC 8878: magic number, descriptor (single segment, content size in 8 bytes), and one last raw block of the byte `x`. */
function frameThatClaims(contentSize: bigint): Buffer {
  const header = Buffer.from('28b52ffde0' + '00'.repeat(8) + '09000078', 'hex');
  header.writeBigUInt64LE(contentSize, 5);
  return header;
}

for (const [name, zstd] of Object.entries(ways)) {
  const frameOf = (plain: Uint8Array, mode: CompressionMode = 'auto'): Buffer => {
    const target = Buffer.alloc(plain.length);
    return target.subarray(0, new Compressor(mode, zstd).compress(plain, target));
  };

  describe(`a Compressor on ${name}`, () => {
    it('writes in every mode a frame from which both ways get the content back', () => {
      for (const mode of modes) {
        const frame = frameOf(someText, mode);
        assert.ok(frame.length > 0 && frame.length < someText.length / 5, `${mode}: ${frame.length}`);
        for (const reader of Object.values(ways)) {
          const target = Buffer.alloc(someText.length);
          assert.equal(decompress(frame, target, reader), someText.length);
          assert.ok(target.equals(someText));
          assert.ok(decompressUnknown(frame, maxBytes, reader).equals(someText));
        }
      }
    });

    it('gives every content back, or says that it would not shrink', () => {
      const compressor = new Compressor('auto', zstd);
      const unit = fc.uint8Array({ minLength: 1, maxLength: 40 });
      fc.assert(
        fc.property(unit, fc.integer({ min: 0, max: 3000 }), (bytes, length) => {
          const plain = Buffer.alloc(length, bytes);
          const target = Buffer.alloc(length);
          const written = compressor.compress(plain, target);
          assert.ok(written < Math.max(1, length));
          if (written > 0) assert.ok(decompressUnknown(target.subarray(0, written), length, zstd).equals(plain));
          else assert.ok(length < 80, `a repetition of ${bytes.length} bytes in ${length} shrinks`);
        }),
      );
    });

    it('returns 0 for what would not become smaller', () => {
      for (const mode of modes) {
        const compressor = new Compressor(mode, zstd);
        for (const length of [0, 1, 12, 4096, 300_000]) assert.equal(compressor.compress(randomBytes(length), Buffer.alloc(length)), 0);
      }
    });

    it('returns 0 for everything when it is off', () => {
      assert.equal(new Compressor('off', zstd).compress(someText, Buffer.alloc(someText.length)), 0);
    });

    it('puts the content size into the frame and no checksum', () => {
      // RFC 8878, 3.1.1.1.1: bit 5 says single segment (then the size is there), bits 6-7 the size of that field, bit 2 a checksum.
      const descriptor = frameOf(someText)[4] ?? 0;
      assert.ok((descriptor & 0x20) !== 0 || descriptor >> 6 !== 0);
      assert.equal(descriptor & 0x04, 0);
    });

    it('takes and gives views over shared memory and over WASM memory, and writes nothing behind the frame', () => {
      const memory = new WebAssembly.Memory({ initial: 16 });
      for (const buffer of [new SharedArrayBuffer(1 << 20), memory.buffer]) {
        const plain = new Uint8Array(buffer, 3, someText.length);
        plain.set(someText);
        const frame = new Uint8Array(buffer, 100_001, plain.length + 100).fill(0xee);
        const length = new Compressor('auto', zstd).compress(plain, frame);
        assert.ok(frame.subarray(plain.length).every((byte) => byte === 0xee));
        const opened = new Uint8Array(buffer, 500_003, plain.length);
        decompress(frame.subarray(0, length), opened, zstd);
        assert.ok(Buffer.from(opened).equals(someText));
      }
    });

    it('can be used again after it was closed', () => {
      const compressor = new Compressor('auto', zstd);
      const target = Buffer.alloc(someText.length);
      const before = compressor.compress(someText, target);
      compressor.close();
      compressor.close();
      assert.equal(compressor.compress(someText, target), before);
    });

    it('takes random and already compressed data for incompressible, and nothing that has any redundancy', () => {
      const compressor = new Compressor('auto', zstd);
      assert.equal(compressor.looksIncompressible(randomBytes(200_000)), true);
      assert.equal(compressor.looksIncompressible(randomBytes(100_000)), false, 'too small to ask');
      assert.equal(compressor.looksIncompressible(Buffer.from(randomBytes(200_000).toString('base64'))), false);
      assert.equal(compressor.looksIncompressible(Buffer.alloc(200_000)), false);
      const half = Buffer.concat([randomBytes(200_000), Buffer.alloc(200_000)]);
      assert.equal(compressor.looksIncompressible(half), false, 'the last sample shrinks');
    });

    it('still shrinks a blob whose samples were unlucky', () => {
      const hidden = Buffer.concat([randomBytes(120_000), Buffer.alloc(50_000), randomBytes(200_000)]);
      const compressor = new Compressor('auto', zstd);
      assert.equal(compressor.looksIncompressible(hidden), true);
      const target = Buffer.alloc(hidden.length);
      const length = compressor.compress(hidden, target);
      assert.ok(length > 0 && length < 325_000);
      assert.ok(decompressUnknown(target.subarray(0, length), maxBytes, zstd).equals(hidden));
    });
  });

  describe(`decompression on ${name}`, () => {
    const frame = frameOf(someText);
    const into = (frames: Uint8Array, length: number): number => decompress(frames, Buffer.alloc(length), zstd);

    it('reads several concatenated frames as one content', () => {
      const both = Buffer.concat([frame, zstdCompressSync(Buffer.from('tail')), zstdCompressSync(Buffer.alloc(0))]);
      const expected = Buffer.concat([someText, Buffer.from('tail')]);
      assert.ok(decompressUnknown(both, maxBytes, zstd).equals(expected));
      assert.equal(into(both, expected.length), expected.length);
    });

    it('reads frames that do not say their content size, and frames with a checksum', () => {
      const unsized = zstdCompressSync(someText, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
      assert.ok(decompressUnknown(unsized, maxBytes, zstd).equals(someText));
      assert.ok(decompressUnknown(unsized, someText.length, zstd).equals(someText));
      const broken = Buffer.from(unsized);
      broken.writeUInt32LE((broken.readUInt32LE(broken.length - 4) ^ 1) >>> 0, broken.length - 4);
      assert.throws(() => decompressUnknown(broken, maxBytes, zstd), damaged);
    });

    it('reads what restic 0.19.1 compressed', () => {
      const index = readFileSync(new URL('./fixtures/restic-0.19.1-index.zst', import.meta.url));
      const { packs } = JSON.parse(decompressUnknown(index, maxBytes, zstd).toString()) as { packs: { blobs: unknown[] }[] };
      assert.ok(packs.length === 2 && packs.every((pack) => pack.blobs.length > 0));
    });

    it('passes over skippable frames', () => {
      const skippable = Buffer.from('502a4d1803000000aabbcc', 'hex');
      assert.ok(decompressUnknown(Buffer.concat([skippable, frame, skippable]), maxBytes, zstd).equals(someText));
    });

    it('finds bytes after the last frame damaged', () => {
      for (const garbage of [Buffer.alloc(1), Buffer.from('ab'), Buffer.alloc(20), frame.subarray(0, 4), frame.subarray(0, -1)]) {
        const frames = Buffer.concat([frame, garbage]);
        assert.throws(() => decompressUnknown(frames, maxBytes, zstd), damaged);
        assert.throws(() => into(frames, someText.length), damaged);
      }
    });

    it('finds a frame damaged at whatever length it is cut off', () => {
      const short = frameOf(someText.subarray(0, 2000));
      for (let length = 0; length < short.length; length++) {
        assert.throws(() => decompressUnknown(short.subarray(0, length), maxBytes, zstd), damaged, `length ${length}`);
        assert.throws(() => into(short.subarray(0, length), 2000), damaged, `length ${length}`);
      }
    });

    it('finds a content damaged that is longer or shorter than it must be', () => {
      for (const length of [0, someText.length - 1, someText.length + 1]) assert.throws(() => into(frame, length), damaged);
    });

    it('stops at the limit when a small frame holds a large content', () => {
      const bomb = zstdCompressSync(Buffer.alloc(10_000_000));
      assert.ok(bomb.length < 2000);
      assert.throws(() => decompressUnknown(bomb, 1_000_000, zstd), damaged);
      assert.throws(() => decompressUnknown(Buffer.concat([bomb, bomb]), 15_000_000, zstd), damaged);
      assert.equal(decompressUnknown(bomb, 10_000_000, zstd).length, 10_000_000);
    });

    it('does not believe a header about a length that the frame does not have', () => {
      assert.equal(decompressUnknown(frameThatClaims(1n), maxBytes, zstd).toString(), 'x');
      for (const claimed of [0n, 2n, 1_000_000n, 2n ** 40n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 3n]) {
        assert.throws(() => decompressUnknown(frameThatClaims(claimed), maxBytes, zstd), damaged, String(claimed));
      }
    });

    it('answers any bytes with content or with the error, and never with more than the limit', () => {
      const mutated = fc.tuple(fc.nat({ max: frame.length - 1 }), fc.nat({ max: 255 }));
      fc.assert(
        fc.property(fc.array(mutated, { minLength: 1, maxLength: 5 }), (changes) => {
          const bytes = Buffer.from(frame);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            assert.ok(decompressUnknown(bytes, 60_000, zstd).length <= 60_000);
          } catch (error) {
            assert.ok(error instanceof Error && 'code' in error && error.code === 'damaged', String(error));
          }
        }),
      );
    });
  });
}

describe('openZstd', () => {
  it('takes the libzstd of the process where it is exported', () => {
    assert.equal(openZstd(), ways.libzstd);
  });
});

describe('a Compressor on libzstd', () => {
  it('refuses parameters that zstd does not know', () => {
    assert.throws(() => ways.libzstd.createEncoder({ level: 3, minMatch: 99 }), { code: 'internal' });
  });

  it('refuses to encode after its encoder was closed', () => {
    const encoder = ways.libzstd.createEncoder({ level: 1 });
    encoder.close();
    assert.throws(() => encoder.encode(someText, Buffer.alloc(100)), { code: 'internal' });
  });
});
