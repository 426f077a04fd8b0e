/**
 * ROMix of scrypt (RFC 7914, section 5) over two blocks at once: the kernel of src/crypto/scrypt.
 *
 * Each step of Salsa20/8 needs the result of the one before, so one block alone leaves most of the processor idle; two take 1.3 times
 * as long as one. The 16 words of each 64 bytes lie in the order of the diagonals of their matrix, so that a vector is one
 * argument of four quarter-rounds (src/crypto/scrypt/lanes.ts orders them); word 0 stays in its place.
 *
 * Memory, with `row` = 128 * r bytes, at most 16 KiB:
 *        0  X of both blocks, 16 KiB each
 *    32768  Y of both blocks, 16 KiB each
 *    65536  n rows of the first block, n rows of the second
 */

const X: u32 = 0;
const Y: u32 = 32768;
const SECOND: u32 = 16384;
const ROWS: u32 = 65536;

/** Rows `from` to `to` (exclusive): each is the mix of the one before. Row 0 is the block; what would be row n becomes X. */
export function fill(from: u32, to: u32, n: u32, r: u32): void {
  const row = r << 7;
  const second = n * row;
  for (let i = from; i < to; i++) {
    const source = ROWS + i * row;
    const isLast = i + 1 == n;
    mixPair(source, source + second, isLast ? X : source + row, isLast ? X + SECOND : source + second + row, r);
  }
}

/** Mixes X with the row that it names itself, so many times; `times` is even. */
export function mix(times: u32, n: u32, r: u32): void {
  for (let i: u32 = 0; i < times; i += 2) {
    mixWithRow(X, Y, n, r);
    mixWithRow(Y, X, n, r);
  }
}

function mixWithRow(source: u32, target: u32, n: u32, r: u32): void {
  addRow(source, ROWS, n, r);
  addRow(source + SECOND, ROWS + n * (r << 7), n, r);
  mixPair(source, source + SECOND, target, target + SECOND, r);
}

function addRow(block: u32, rows: u32, n: u32, r: u32): void {
  const size = r << 7;
  let row = rows + (load<u32>(block + size - 64) & (n - 1)) * size;
  const end = block + size;
  for (let at = block; at < end; at += 64, row += 64) {
    v128.store(at, v128.xor(v128.load(at), v128.load(row)));
    v128.store(at, v128.xor(v128.load(at, 16), v128.load(row, 16)), 16);
    v128.store(at, v128.xor(v128.load(at, 32), v128.load(row, 32)), 32);
    v128.store(at, v128.xor(v128.load(at, 48), v128.load(row, 48)), 48);
  }
}

/** BlockMix of the blocks at `s` and `t`: Salsa20/8 along each; its even results first, then the odd ones. */
function mixPair(s: u32, t: u32, sTarget: u32, tTarget: u32, r: u32): void {
  const half = r << 6;
  const size = r << 7;
  let a = v128.load(s + size - 64);
  let b = v128.load(s + size - 48);
  let c = v128.load(s + size - 32);
  let d = v128.load(s + size - 16);
  let e = v128.load(t + size - 64);
  let f = v128.load(t + size - 48);
  let g = v128.load(t + size - 32);
  let h = v128.load(t + size - 16);
  for (let at: u32 = 0; at < size; at += 64) {
    const a0 = (a = v128.xor(a, v128.load(s + at)));
    const b0 = (b = v128.xor(b, v128.load(s + at, 16)));
    const c0 = (c = v128.xor(c, v128.load(s + at, 32)));
    const d0 = (d = v128.xor(d, v128.load(s + at, 48)));
    const e0 = (e = v128.xor(e, v128.load(t + at)));
    const f0 = (f = v128.xor(f, v128.load(t + at, 16)));
    const g0 = (g = v128.xor(g, v128.load(t + at, 32)));
    const h0 = (h = v128.xor(h, v128.load(t + at, 48)));
    for (let round = 0; round < 8; round += 2) {
      b = quarter(b, a, d, 7);
      f = quarter(f, e, h, 7);
      c = quarter(c, b, a, 9);
      g = quarter(g, f, e, 9);
      d = quarter(d, c, b, 13);
      h = quarter(h, g, f, 13);
      a = quarter(a, d, c, 18);
      e = quarter(e, h, g, 18);
      b = v128.shuffle<i32>(b, b, 3, 0, 1, 2);
      f = v128.shuffle<i32>(f, f, 3, 0, 1, 2);
      c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
      g = v128.shuffle<i32>(g, g, 2, 3, 0, 1);
      d = v128.shuffle<i32>(d, d, 1, 2, 3, 0);
      h = v128.shuffle<i32>(h, h, 1, 2, 3, 0);
      d = quarter(d, a, b, 7);
      h = quarter(h, e, f, 7);
      c = quarter(c, d, a, 9);
      g = quarter(g, h, e, 9);
      b = quarter(b, c, d, 13);
      f = quarter(f, g, h, 13);
      a = quarter(a, b, c, 18);
      e = quarter(e, f, g, 18);
      b = v128.shuffle<i32>(b, b, 1, 2, 3, 0);
      f = v128.shuffle<i32>(f, f, 1, 2, 3, 0);
      c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
      g = v128.shuffle<i32>(g, g, 2, 3, 0, 1);
      d = v128.shuffle<i32>(d, d, 3, 0, 1, 2);
      h = v128.shuffle<i32>(h, h, 3, 0, 1, 2);
    }
    const target = (at >> 1) & ~63;
    const place = (at & 64) == 0 ? target : target + half;
    v128.store(sTarget + place, (a = i32x4.add(a, a0)));
    v128.store(sTarget + place, (b = i32x4.add(b, b0)), 16);
    v128.store(sTarget + place, (c = i32x4.add(c, c0)), 32);
    v128.store(sTarget + place, (d = i32x4.add(d, d0)), 48);
    v128.store(tTarget + place, (e = i32x4.add(e, e0)));
    v128.store(tTarget + place, (f = i32x4.add(f, f0)), 16);
    v128.store(tTarget + place, (g = i32x4.add(g, g0)), 32);
    v128.store(tTarget + place, (h = i32x4.add(h, h0)), 48);
  }
}

/** One argument of four quarter-rounds: x xor ((y + z) rotated left by n). */
@inline function quarter(x: v128, y: v128, z: v128, n: i32): v128 {
  const sum = i32x4.add(y, z);
  return v128.xor(x, v128.or(i32x4.shl(sum, n), i32x4.shr_u(sum, 32 - n)));
}
