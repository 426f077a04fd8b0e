import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { systemRandomness } from '../base/clock.ts';
import { keystream } from './fixtures/keystream.ts';
import { checkPolynomial, degree, formatPolynomial, isIrreducible, parsePolynomial, randomPolynomial, remainder } from './polynomial.ts';

const { derivedPolynomials } = JSON.parse(readFileSync(new URL('./fixtures/cuts.json', import.meta.url), 'utf8')) as {
  derivedPolynomials: string[];
};

function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let i = 0; i <= degree(b); i++) if ((b >> BigInt(i)) & 1n) product ^= a << BigInt(i);
  return product;
}

function hasDivisor(polynomial: bigint): boolean {
  for (let divisor = 2n; degree(divisor) <= degree(polynomial) / 2; divisor++) if (remainder(polynomial, divisor) === 0n) return true;
  return false;
}

describe('a polynomial over GF(2)', () => {
  it('has the remainder that completes the product of quotient and divisor', () => {
    const polynomial = fc.bigInt({ min: 1n, max: 2n ** 80n });
    fc.assert(
      fc.property(polynomial, polynomial, (quotient, divisor) => {
        const rest = remainder(quotient, divisor);
        assert.ok(degree(rest) < degree(divisor));
        assert.equal(remainder(multiply(quotient, divisor) ^ rest, divisor), rest);
      }),
    );
  });

  it('is irreducible exactly when no smaller one divides it, for all degrees from 1 to 10', () => {
    for (let polynomial = 2n; polynomial < 1n << 11n; polynomial++) {
      assert.equal(isIrreducible(polynomial), !hasDivisor(polynomial), formatPolynomial(polynomial));
    }
    assert.deepEqual([0n, 1n].map(isIrreducible), [false, false]);
  });

  it('of degree 53 is told apart when it is a product', () => {
    assert.equal(isIrreducible(0x3da3358b4dc173n), true);
    assert.equal(isIrreducible(0x3da3358b4dc171n), false);
    assert.equal(isIrreducible(multiply(0x3n, 0x1db4e9f2ac9d8bn)), false);
  });
});

describe('randomPolynomial', () => {
  it('derives from given bytes the polynomials that restic derives from them', () => {
    const derived = derivedPolynomials.map((_, i) => {
      const stream = keystream(`polynomial ${i}`, 65_536);
      let position = 0;
      const polynomial = randomPolynomial({ fill: (target) => target.set(stream.subarray(position, (position += target.length))) });
      return formatPolynomial(polynomial);
    });
    assert.deepEqual(derived, derivedPolynomials);
  });

  it('gives another one each time, and one that the chunker takes', () => {
    const polynomials = Array.from({ length: 5 }, () => randomPolynomial(systemRandomness));
    polynomials.forEach(checkPolynomial);
    assert.equal(new Set(polynomials).size, 5);
  });

  it('gives up on a source that always gives the same reducible one', () => {
    assert.throws(() => randomPolynomial({ fill: (target) => target.fill(0) }), { code: 'internal' });
  });
});

describe('parsePolynomial', () => {
  it('reads what formatPolynomial writes, in either case', () => {
    for (const text of ['3da3358b4dc173', '34f69cd81ea2ad', ...derivedPolynomials]) {
      assert.equal(formatPolynomial(parsePolynomial(text)), text);
      assert.equal(parsePolynomial(text.toUpperCase()), parsePolynomial(text));
    }
  });

  it('finds everything else damaged', () => {
    const wrong = [
      '',
      '0',
      '1',
      '0x3da3358b4dc173',
      '3da3358b4dc171',
      '7',
      '3da3358b4dc1730',
      '-3da3358b4dc173',
      ' 3da3358b4dc173',
      'f'.repeat(17),
      'x',
      7,
      null,
      undefined,
      {},
    ];
    for (const text of wrong) assert.throws(() => parsePolynomial(text), { code: 'damaged' }, JSON.stringify(text));
  });
});
