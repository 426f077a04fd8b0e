import { polynomialDegree } from './polynomial.ts';

const entries = 256;
const windowBits = 64 * 8;
/** The kernel's vectors hold digests times x^3, which fill seven bytes to the last bit. */
const vectorShift = 3n;
const planes = 7;
const halfByte = 16;

const wordTablesBytes = 2 * entries * BigUint64Array.BYTES_PER_ELEMENT;

/**
 * The tables that the kernel wants at the start of its memory (layout: wasm/chunker.ts), for one polynomial P:
 * 256 words `mod` with b * x^53 + (b * x^53 mod P), which cancels the bits that a shift pushed above x^52 and adds what they are worth below;
 * 256 words `leave` with b * x^512 mod P, the part of a digest that a byte still has when it is 64 bytes back;
 * and both remainders once more for 16 bytes at a time, by halves of b and bytes of the remainder.
 */
export function kernelTables(polynomial: bigint): Uint8Array {
  const pushedOut = products(polynomialDegree, polynomial);
  const leaving = products(windowBits, polynomial);
  const tables = new Uint8Array(wordTablesBytes + 4 * planes * halfByte);
  const words = new BigUint64Array(tables.buffer, 0, 2 * entries);
  words.set(pushedOut.map((product, b) => product | (BigInt(b) << BigInt(polynomialDegree))));
  words.set(leaving, entries);
  const vectors = [pushedOut, leaving].flatMap((product) => [...vectorTable(product, 1), ...vectorTable(product, halfByte)]);
  tables.set(vectors, wordTablesBytes);
  return tables;
}

/** b * x^power mod P for every byte b. It is linear: an entry is the sum of the entries of its index's bits. */
function products(power: number, polynomial: bigint): BigUint64Array {
  let product = 1n;
  for (let i = 0; i < power; i++) product = timesX(product, polynomial);
  const table = new BigUint64Array(entries);
  for (let top = 1; top < entries; top *= 2) {
    for (let rest = 0; rest < top; rest++) table[top + rest] = product ^ (table[rest] ?? 0n);
    product = timesX(product, polynomial);
  }
  return table;
}

function timesX(remainder: bigint, polynomial: bigint): bigint {
  const shifted = remainder << 1n;
  return shifted >> BigInt(polynomialDegree) === 0n ? shifted : shifted ^ polynomial;
}

/** For each byte of the shifted product, from the lowest on: its values at the indexes 0, step, 2 * step, ... 15 * step. */
function vectorTable(table: BigUint64Array, step: number): Uint8Array {
  const words = BigUint64Array.from({ length: halfByte }, (_, half) => (table[half * step] ?? 0n) << vectorShift);
  const bytes = new Uint8Array(words.buffer);
  return Uint8Array.from({ length: planes * halfByte }, (_, i) => bytes[(i % halfByte) * 8 + Math.floor(i / halfByte)] ?? 0);
}
