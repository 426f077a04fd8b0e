/**
 * Polynomials over GF(2) as bigints: bit i is the coefficient of x^i.
 * The chunker's polynomial is random for each repository, so that chunk lengths tell nothing about the content.
 * Source: M. O. Rabin, "Fingerprinting by Random Polynomials" (1981); restic's design document.
 */
import type { Randomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';

/** The largest prime that leaves room for a byte in 64 bits. */
export const polynomialDegree = 53;

/** One polynomial in about 53 / 2 with both ends set is irreducible: so many misses in a row mean that the randomness is broken. */
const maxAttempts = 10_000;

/**
 * An irreducible polynomial of degree 53. The same bytes give the same polynomial as in restic's chunker.
 * @throws HoldfastError `internal` when the source of randomness gives none
 */
export function randomPolynomial(random: Randomness): bigint {
  const bytes = Buffer.alloc(8);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    random.fill(bytes);
    // Without the lowest bit, x would divide it.
    const candidate = BigInt.asUintN(polynomialDegree, bytes.readBigUInt64LE()) | (1n << BigInt(polynomialDegree)) | 1n;
    if (isIrreducible(candidate)) return candidate;
  }
  throw new HoldfastError('internal', 'the source of randomness gives no irreducible polynomial');
}

/** As in `chunker_polynomial` of a repository's config: hexadecimal, lowercase, no prefix. */
export function formatPolynomial(polynomial: bigint): string {
  return polynomial.toString(16);
}

/**
 * Reads `chunker_polynomial` of a repository's config.
 * @throws HoldfastError `damaged` when it is not an irreducible polynomial of degree 53
 */
export function parsePolynomial(text: unknown): bigint {
  if (typeof text !== 'string' || !/^[0-9a-f]{1,16}$/i.test(text)) {
    throw new HoldfastError('damaged', 'the chunker polynomial is not a hexadecimal number');
  }
  const polynomial = BigInt(`0x${text}`);
  checkPolynomial(polynomial);
  return polynomial;
}

/** @throws HoldfastError `damaged` when the chunker cannot work with the polynomial */
export function checkPolynomial(polynomial: bigint): void {
  if (degree(polynomial) === polynomialDegree && isIrreducible(polynomial)) return;
  throw new HoldfastError('damaged', `the chunker polynomial is not irreducible of degree ${polynomialDegree}`);
}

/** Ben-Or's test: no factor of degree i, for each i up to half of the degree. Such a factor divides x^(2^i) - x. */
export function isIrreducible(polynomial: bigint): boolean {
  const half = Math.floor(degree(polynomial) / 2);
  if (degree(polynomial) < 1) return false;
  let power = remainder(2n, polynomial);
  for (let i = 1; i <= half; i++) {
    power = remainder(square(power), polynomial);
    if (greatestCommonDivisor(polynomial, power ^ 2n) !== 1n) return false;
  }
  return true;
}

/** -1 for the zero polynomial. */
export function degree(polynomial: bigint): number {
  return polynomial === 0n ? -1 : polynomial.toString(2).length - 1;
}

/** `dividend` modulo `divisor`, which must not be zero. */
export function remainder(dividend: bigint, divisor: bigint): bigint {
  const divisorDegree = degree(divisor);
  let rest = dividend;
  for (let excess = degree(rest) - divisorDegree; excess >= 0; excess = degree(rest) - divisorDegree) {
    rest ^= divisor << BigInt(excess);
  }
  return rest;
}

/** Squaring over GF(2) puts a zero between every two coefficients: the mixed terms come twice and cancel. */
function square(polynomial: bigint): bigint {
  return BigInt(`0b${polynomial.toString(2).split('').join('0')}`);
}

function greatestCommonDivisor(first: bigint, second: bigint): bigint {
  let [a, b] = [first, second];
  while (b !== 0n) [a, b] = [b, remainder(a, b)];
  return a;
}
