import { polynomialDegree, remainder } from './polynomial.ts';

const entries = 256;
const windowBits = 64n * 8n;

/**
 * The kernel's two tables behind one another, 256 entries each:
 * `mod[b]` = b * x^53 + (b * x^53 mod P), which cancels the 8 bits that a shift pushed above x^52 and adds what they are worth below;
 * `leave[b]` = b * x^512 mod P, the part of a digest that a byte still has when it is 64 bytes back.
 */
export function kernelTables(polynomial: bigint): BigUint64Array {
  const tables = new BigUint64Array(2 * entries);
  fillLinear(tables.subarray(0, entries), (bit) => {
    const pushedOut = 1n << (BigInt(polynomialDegree) + bit);
    return pushedOut ^ remainder(pushedOut, polynomial);
  });
  fillLinear(tables.subarray(entries), (bit) => remainder(1n << (windowBits + bit), polynomial));
  return tables;
}

/** Both tables are linear: an entry is the sum of the entries of its index's bits. That makes 16 divisions out of 512. */
function fillLinear(table: BigUint64Array, entryOfBit: (bit: bigint) => bigint): void {
  for (let bit = 0; bit < 8; bit++) {
    const top = 1 << bit;
    const entry = entryOfBit(BigInt(bit));
    for (let rest = 0; rest < top; rest++) table[top + rest] = entry ^ (table[rest] ?? 0n);
  }
}
