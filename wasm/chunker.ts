/**
 * Finds content-defined cuts: the kernel of src/chunker, in AssemblyScript.
 *
 * A cut falls behind a byte where the lowest 20 bits of the Rabin digest of the last 64 bytes are zero
 * (github.com/restic/chunker: window 64, polynomial P of degree 53, 20 bits on average):
 *
 *     digest' = (digest * x^8 + entering + leaving * x^512) mod P
 *
 * The digest depends on those 64 bytes only, so sixteen streams roll over sixteen consecutive pieces of the data at once, one in each
 * byte of a vector. The digest, times x^3 to fill whole bytes, is seven vectors: `a0` holds the lowest byte of each stream's digest.
 * Times x^8 is then a move to the next vector, and the two products mod P come from tables of 16 bytes, one for each half of a byte
 * and each of the seven vectors, by `swizzle`. No index exceeds 15, so `relaxed_swizzle` gives the same on every machine.
 * That is twice as fast as six interleaved streams with tables of 256 words, the best without vectors (measured on an EPYC of 2.45 GHz).
 *
 * Memory (src/chunker/tables.ts fills the tables):
 *        0  `mod`:   256 * 8 bytes: b * x^53 and what it is worth mod P
 *     2048  `leave`: 256 * 8 bytes: b * x^512 mod P
 *     4096  the same two times x^3 without the bits above x^55, by halves of b and bytes of the product:
 *           mod low half, mod high half, leave low half, leave high half; each 7 * 16 bytes
 *     4544  scratch of the kernel
 *   65,536  data; at least 64 bytes of it lie before the first position asked for
 */

const WINDOW: u32 = 64;
const STREAMS: u32 = 16;
const VECTOR: u32 = 16;

/** Bytes per stream: long enough that warming up with 64 bytes costs 1 %. An odd multiple of 16: even ones compete for lines of the cache. */
const LONGEST_PIECE: u32 = 257 * VECTOR;
/** Below this the warm-up costs more than the streams gain. */
const SHORTEST_PIECE: u32 = 3 * VECTOR;

const MOD: u32 = 0;
const LEAVE: u32 = 2048;
const MOD_LOW: u32 = 4096;
const MOD_HIGH: u32 = MOD_LOW + 7 * VECTOR;
const LEAVE_LOW: u32 = MOD_HIGH + 7 * VECTOR;
const LEAVE_HIGH: u32 = LEAVE_LOW + 7 * VECTOR;

/** Masks lie in memory because V8 builds a constant vector anew, with three instructions, wherever one is used: 25 % slower. */
const BITS_0_TO_3: u32 = 4608;
const BITS_0_TO_6: u32 = 4624;
const BITS_3_TO_7: u32 = 4640;
const BITS_0_TO_2: u32 = 4656;
/** Half-transposed bytes: 16 vectors. */
const HALFWAY: u32 = 4864;
/** Transposed bytes of the last eight groups of 16 steps, of which five are needed: those that enter and those that leave. */
const RING: u32 = 8192;
const GROUP: u32 = 16 * VECTOR;
const GROUPS_IN_RING: u32 = 8;
const GROUPS_IN_WINDOW: u32 = WINDOW / VECTOR;

/** Position behind the first byte in [position, end) that a cut follows, or 0 when there is none. */
export function scan(position: u32, end: u32): u32 {
  v128.store(BITS_0_TO_3, i8x16.splat(0x0f));
  v128.store(BITS_0_TO_6, i8x16.splat(0x7f));
  v128.store(BITS_3_TO_7, i8x16.splat(-8));
  v128.store(BITS_0_TO_2, i8x16.splat(0x07));
  while (position + STREAMS * SHORTEST_PIECE <= end) {
    const piece = min<u32>(LONGEST_PIECE, oddMultiple((end - position) / STREAMS));
    const stream = firstStreamWithCut(position, piece);
    if (stream < STREAMS) return scanSingly(position + stream * piece, end);
    position += STREAMS * piece;
  }
  return scanSingly(position, end);
}

/** The largest odd multiple of a vector's length that is not above `length`. */
function oddMultiple(length: u32): u32 {
  const vectors = length / VECTOR;
  return (vectors - ((vectors & 1) ^ 1)) * VECTOR;
}

/** Stream k covers [position + k * piece, position + (k + 1) * piece). 16 or more says: no cut in any. */
function firstStreamWithCut(position: u32, piece: u32): u32 {
  let a0 = i64x2.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let a4 = a0;
  let a5 = a0;
  let a6 = a0;
  // Zero in the byte of a stream that had a cut.
  let lowest = i8x16.splat(-1);
  const start = position - WINDOW;
  const groups = GROUPS_IN_WINDOW + piece / VECTOR;
  for (let group: u32 = 0; group < groups; group++) {
    let entering = ringSlot(group);
    const enteringEnd = entering + GROUP;
    transpose(start + group * VECTOR, piece, entering);
    if (group < GROUPS_IN_WINDOW) {
      // Warm-up: no byte leaves yet, and no digest counts.
      for (; entering < enteringEnd; entering += VECTOR) {
        const n = v128.load(entering);
        const tl = v128.and(a6, v128.load(BITS_0_TO_3));
        const th = v128.and(v128.shr<u16>(a6, 4), v128.load(BITS_0_TO_3));
        a6 = v128.xor(a5, product(MOD_LOW, MOD_HIGH, 6, tl, th));
        a5 = v128.xor(a4, product(MOD_LOW, MOD_HIGH, 5, tl, th));
        a4 = v128.xor(a3, product(MOD_LOW, MOD_HIGH, 4, tl, th));
        a3 = v128.xor(a2, product(MOD_LOW, MOD_HIGH, 3, tl, th));
        a2 = v128.xor(a1, product(MOD_LOW, MOD_HIGH, 2, tl, th));
        a1 = v128.xor(v128.xor(a0, upperBits(n)), product(MOD_LOW, MOD_HIGH, 1, tl, th));
        a0 = v128.xor(lowerBits(n), product(MOD_LOW, MOD_HIGH, 0, tl, th));
      }
    } else {
      let leaving = ringSlot(group - GROUPS_IN_WINDOW);
      for (; entering < enteringEnd; entering += VECTOR, leaving += VECTOR) {
        const n = v128.load(entering);
        const o = v128.load(leaving);
        const tl = v128.and(a6, v128.load(BITS_0_TO_3));
        const th = v128.and(v128.shr<u16>(a6, 4), v128.load(BITS_0_TO_3));
        const ol = v128.and(o, v128.load(BITS_0_TO_3));
        const oh = v128.and(v128.shr<u16>(o, 4), v128.load(BITS_0_TO_3));
        a6 = add(a5, product(LEAVE_LOW, LEAVE_HIGH, 6, ol, oh), product(MOD_LOW, MOD_HIGH, 6, tl, th));
        a5 = add(a4, product(LEAVE_LOW, LEAVE_HIGH, 5, ol, oh), product(MOD_LOW, MOD_HIGH, 5, tl, th));
        a4 = add(a3, product(LEAVE_LOW, LEAVE_HIGH, 4, ol, oh), product(MOD_LOW, MOD_HIGH, 4, tl, th));
        a3 = add(a2, product(LEAVE_LOW, LEAVE_HIGH, 3, ol, oh), product(MOD_LOW, MOD_HIGH, 3, tl, th));
        a2 = add(a1, product(LEAVE_LOW, LEAVE_HIGH, 2, ol, oh), product(MOD_LOW, MOD_HIGH, 2, tl, th));
        a1 = v128.xor(upperBits(n), add(a0, product(LEAVE_LOW, LEAVE_HIGH, 1, ol, oh), product(MOD_LOW, MOD_HIGH, 1, tl, th)));
        a0 = add(lowerBits(n), product(LEAVE_LOW, LEAVE_HIGH, 0, ol, oh), product(MOD_LOW, MOD_HIGH, 0, tl, th));
        // The lowest 20 bits of the digest: `a0` (of which the lowest three are always zero), `a1`, and seven bits of `a2`.
        lowest = v128.min<u8>(lowest, v128.or(v128.or(a0, a1), v128.and(a2, v128.load(BITS_0_TO_6))));
      }
    }
  }
  return ctz<u32>(v128.bitmask<u8>(v128.eq<u8>(lowest, i64x2.splat(0))));
}

@inline function ringSlot(group: u32): u32 {
  return RING + (group % GROUPS_IN_RING) * GROUP;
}

@inline function add(a: v128, b: v128, c: v128): v128 {
  return v128.xor(v128.xor(a, b), c);
}

/** Byte `plane` of the product that the tables at `low` and `high` hold for the bytes with the halves `l` and `h`. */
@inline function product(low: u32, high: u32, plane: u32, l: v128, h: v128): v128 {
  return v128.xor(
    i8x16.relaxed_swizzle(v128.load(low + plane * VECTOR), l),
    i8x16.relaxed_swizzle(v128.load(high + plane * VECTOR), h),
  );
}

/** What `byte * x^3` puts into the lowest byte; there is no shift of single bytes, so the neighbours' bits are masked out. */
@inline function lowerBits(bytes: v128): v128 {
  return v128.and(v128.shl<u16>(bytes, 3), v128.load(BITS_3_TO_7));
}

/** What `byte * x^3` puts into the second byte. */
@inline function upperBits(bytes: v128): v128 {
  return v128.and(v128.shr<u16>(bytes, 5), v128.load(BITS_0_TO_2));
}

/** Reads 16 bytes of each stream and writes 16 vectors: one for each step, with a byte of each stream. */
function transpose(row: u32, piece: u32, target: u32): void {
  mergeFour(row, piece, HALFWAY);
  mergeFour(HALFWAY, VECTOR, target);
}

/** Two of the four rounds of a transposition: a round interleaves the bytes of vector k and vector k + 8 to the vectors 2k and 2k + 1. */
function mergeFour(source: u32, stride: u32, target: u32): void {
  for (let k: u32 = 0; k < 4; k++) {
    const v0 = v128.load(source);
    const v1 = v128.load(source + 4 * stride);
    const v2 = v128.load(source + 8 * stride);
    const v3 = v128.load(source + 12 * stride);
    const evenLow = interleaveLow(v0, v2);
    const evenHigh = interleaveHigh(v0, v2);
    const oddLow = interleaveLow(v1, v3);
    const oddHigh = interleaveHigh(v1, v3);
    v128.store(target, interleaveLow(evenLow, oddLow));
    v128.store(target, interleaveHigh(evenLow, oddLow), VECTOR);
    v128.store(target, interleaveLow(evenHigh, oddHigh), 2 * VECTOR);
    v128.store(target, interleaveHigh(evenHigh, oddHigh), 3 * VECTOR);
    source += stride;
    target += 4 * VECTOR;
  }
}

@inline function interleaveLow(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

@inline function interleaveHigh(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** One stream: for the piece that has a cut, and for what is too short for sixteen. */
function scanSingly(position: u32, end: u32): u32 {
  if (position >= end) return 0;
  let digest: u64 = 0;
  for (let i = position - WINDOW; i < position; i++) digest = push(digest, load<u8>(i));
  for (; position < end; position++) {
    digest = push(digest, load<u8>(position)) ^ load<u64>((<u32>load<u8>(position - WINDOW)) << 3, LEAVE);
    if ((digest & 0xfffff) == 0) return position + 1;
  }
  return 0;
}

@inline function push(digest: u64, entering: u8): u64 {
  return ((digest << 8) | entering) ^ load<u64>((<u32>(digest >> 45)) << 3, MOD);
}
