import { HoldfastError } from '../base/errors.ts';
import { createKernel, type Kernel } from './kernel.ts';
import { polynomialDegree, degree } from './polynomial.ts';
import { kernelTables } from './tables.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/**
 * Cuts content into chunks exactly where restic cuts it: behind the first byte, from the minimum on, after which the Rabin digest
 * of the last 64 bytes ends in 20 zero bits; at the latest at the maximum; and at the end of the input.
 * Two repositories with one polynomial therefore share their blobs. One Chunker serves one thread; it has no state between calls.
 */
export class Chunker {
  static readonly minSize = 512 * kibibyte;
  static readonly maxSize = 8 * mebibyte;

  /**
   * 16 MiB over WASM memory, to read content into. As that is twice the largest chunk, what is left behind a cut need be moved
   * to the front only when less than a chunk fits behind it. Memory is used only for the pages that were written to.
   */
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly #kernel: Kernel;

  /** @param polynomial irreducible, of degree 53 (`parsePolynomial`, `randomPolynomial`) */
  constructor(polynomial: bigint) {
    if (degree(polynomial) !== polynomialDegree)
      throw new HoldfastError('internal', 'the chunker works with polynomials of degree 53 only');
    this.#kernel = createKernel(kernelTables(polynomial));
    this.buffer = this.#kernel.data;
  }

  /**
   * Length of the chunk that begins at `start` in `buffer`, or 0 when its end is not among the `length` bytes there and more are needed.
   *
   * @param isEnd no bytes follow those: then all that is left is a chunk, and 0 comes for no bytes only
   * @param seenLength a `length` for which an earlier call gave 0 for this same chunk (wherever it lay): those bytes are not looked at again
   * @throws HoldfastError `internal` when the span is not inside of `buffer`
   */
  nextCut(start: number, length: number, isEnd: boolean, seenLength = 0): number {
    if (!(start >= 0 && length >= 0 && start + length <= this.buffer.length)) {
      throw new HoldfastError('internal', 'the chunker was asked about bytes outside of its buffer');
    }
    const longest = Math.min(length, Chunker.maxSize);
    // The byte at `minSize - 1` is the first that a cut can follow. The 64 bytes up to it are in the chunk, so nothing before it counts.
    const firstIndex = Math.max(Chunker.minSize - 1, seenLength);
    const cut = firstIndex < longest ? this.#kernel.scan(start + firstIndex, start + longest) : 0;
    if (cut !== 0) return cut - start;
    return isEnd || length >= Chunker.maxSize ? longest : 0;
  }
}
