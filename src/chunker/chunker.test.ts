import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { Chunker } from './chunker.ts';
import { keystream } from './fixtures/keystream.ts';
import { parsePolynomial, remainder } from './polynomial.ts';

interface Vector {
  readonly name: string;
  readonly polynomial: string;
  readonly seed?: string;
  readonly period?: string;
  readonly length: number;
  readonly lengths: readonly number[];
}

/** Made by restic's chunker: fixtures/make-cuts.go. */
const { vectors } = JSON.parse(readFileSync(new URL('./fixtures/cuts.json', import.meta.url), 'utf8')) as { vectors: Vector[] };

const { minSize, maxSize } = Chunker;
const polynomial = 0x3da3358b4dc173n;

function inputOf(vector: Vector): Buffer {
  return vector.period === undefined ? keystream(vector.seed ?? '', vector.length) : Buffer.alloc(vector.length, vector.period, 'hex');
}

/** Cuts the input as a reader of a file does: fill the buffer by reads, cut, move the rest to the front when room runs out. */
function cutAll(chunker: Chunker, input: Uint8Array, readSizes: () => number): number[] {
  const lengths: number[] = [];
  let [start, length, seen, read] = [0, 0, 0, 0];
  while (read < input.length || length > 0) {
    const cut = chunker.nextCut(start, length, read === input.length, seen);
    if (cut > 0) {
      lengths.push(cut);
      [start, length, seen] = [start + cut, length - cut, 0];
      continue;
    }
    seen = length;
    if (start + length === chunker.buffer.length) {
      chunker.buffer.copyWithin(0, start, start + length);
      start = 0;
    }
    const piece = input.subarray(read, read + Math.min(readSizes(), chunker.buffer.length - start - length));
    chunker.buffer.set(piece, start + length);
    read += piece.length;
    length += piece.length;
  }
  return lengths;
}

/** The definition, one byte at a time: digest of the last 64 bytes as a polynomial, in 20 bits zero. */
function cutSlowly(input: Uint8Array): number[] {
  const lengths: number[] = [];
  for (let start = 0; start < input.length; start += lengths.at(-1) ?? 0) lengths.push(firstCutSlowly(input.subarray(start)));
  return lengths;
}

const leavingTerms = Array.from({ length: 256 }, (_, byte) => remainder(BigInt(byte) << 512n, polynomial));
const enteringTerms = Array.from({ length: 256 }, (_, byte) => remainder(BigInt(byte) << 53n, polynomial));

function firstCutSlowly(input: Uint8Array): number {
  let digest = 0n;
  for (let i = minSize - 64; i < Math.min(input.length, maxSize); i++) {
    const shifted = (digest << 8n) | BigInt(input[i] ?? 0);
    digest = (shifted & ((1n << 53n) - 1n)) ^ (enteringTerms[Number(shifted >> 53n)] ?? 0n);
    if (i >= minSize) digest ^= leavingTerms[input[i - 64] ?? 0] ?? 0n;
    if (i >= minSize - 1 && (digest & 0xfffffn) === 0n) return i + 1;
  }
  return Math.min(input.length, maxSize);
}

describe('the Chunker', () => {
  for (const [index, vector] of vectors.entries()) {
    it(`cuts ${vector.name} of ${vector.length} bytes as restic does (vector ${index})`, () => {
      const chunker = new Chunker(parsePolynomial(vector.polynomial));
      assert.deepEqual(
        cutAll(chunker, inputOf(vector), () => maxSize),
        vector.lengths,
      );
    });
  }

  it('cuts alike however the input arrives', () => {
    const chunker = new Chunker(polynomial);
    const input = keystream('reads', 11_000_000);
    const expected = cutAll(chunker, input, () => chunker.buffer.length);
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 100_000, max: 12_000_000 })), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(sizes, (readSizes) => {
        // Thousands of tiny reads prove nothing more and take long.
        let reads = 0;
        const nextSize = (): number => (reads > 2000 ? 1_000_000 : (readSizes[reads++ % readSizes.length] ?? 1));
        assert.deepEqual(cutAll(chunker, input, nextSize), expected);
      }),
      { numRuns: 12 },
    );
  });

  it('finds the first cut wherever it lies, as the definition says', () => {
    const chunker = new Chunker(polynomial);
    const base = keystream('definition', 1_200_000);
    // 64 zeros have the digest 0: a cut follows them. The kernel's streams have pieces of 4,112 bytes, the last ones fewer.
    const stream = fc
      .tuple(fc.nat({ max: 40 }), fc.integer({ min: -70, max: 70 }))
      .map(([piece, offset]) => minSize + piece * 4112 + offset);
    const anywhere = fc.integer({ min: minSize - 200, max: base.length });
    fc.assert(
      fc.property(fc.array(fc.oneof(stream, anywhere), { maxLength: 4 }), fc.nat({ max: 400_000 }), (ends, trimmed) => {
        const input = Buffer.from(base.subarray(0, base.length - trimmed));
        for (const end of ends) input.fill(0, Math.max(0, end - 64), Math.min(end, input.length));
        assert.deepEqual(
          cutAll(chunker, input, () => maxSize),
          cutSlowly(input),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('does not look at bytes before the chunk or behind its length', () => {
    const chunker = new Chunker(polynomial);
    const input = keystream('surroundings', 2_000_000).fill(0, 700_000 - 64, 700_000);
    const expected = firstCutSlowly(input);
    assert.equal(expected, 700_000);
    for (const start of [0, 1, 64, 5_000_003, chunker.buffer.length - input.length]) {
      for (const filling of [0, 0xff]) {
        chunker.buffer.fill(filling);
        chunker.buffer.set(input, start);
        assert.equal(chunker.nextCut(start, input.length, false), expected);
        assert.equal(chunker.nextCut(start, expected - 1, false), 0, 'the byte that decides is not there yet');
        assert.equal(chunker.nextCut(start, expected - 1, true), expected - 1);
      }
    }
  });

  it('has room for twice the largest chunk', () => {
    assert.equal(new Chunker(polynomial).buffer.length, 2 * maxSize);
  });

  it('gives every Chunker a buffer of its own', () => {
    const [first, second] = [new Chunker(polynomial), new Chunker(polynomial)];
    first.buffer[7] = 1;
    assert.equal(second.buffer[7], 0);
  });

  it('refuses a span outside of its buffer', () => {
    const chunker = new Chunker(polynomial);
    const spans: [number, number][] = [
      [0, 2 * maxSize + 1],
      [2 * maxSize, 1],
      [-1, 5],
      [0, -1],
      [Number.NaN, 0],
      [0, Number.NaN],
    ];
    for (const [start, length] of spans) assert.throws(() => chunker.nextCut(start, length, true), { code: 'internal' });
  });

  it('refuses a polynomial that is not of degree 53', () => {
    for (const wrong of [0n, 7n, 1n << 52n, 1n << 54n]) assert.throws(() => new Chunker(wrong), { code: 'internal' });
  });
});

describe('kernel.wasm', () => {
  const folder = fileURLToPath(new URL('../../wasm/', import.meta.url));
  const skip = existsSync(`${folder}node_modules/assemblyscript`) ? false : 'the compiler is not installed: run npm ci in wasm/';

  it('is what wasm/chunker.ts compiles to, byte for byte', { skip }, () => {
    execFileSync(`${folder}verify.sh`, { stdio: 'pipe' });
  });
});
