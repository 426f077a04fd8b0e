/** Turns a sealed blob back into its plaintext, and proves by its id that it is the right one. */
import { HoldfastError } from '../base/errors.ts';
import { decompress } from '../compression/decompress.ts';
import { type Sealer, sealOverhead } from '../crypto/sealer.ts';
import { sha256Hex } from '../crypto/sha256.ts';
import { ReusedBuffer } from './reused-buffer.ts';

/** Where the nonce ends and the ciphertext begins. */
const nonceLength = 16;
/** Largest blob that is believed: trees of huge directories are far beyond a chunk's 8 MiB. */
const maxBlobBytes = 1 << 30;
/** A block of zstd is 4 bytes at least and becomes 128 KiB at most (RFC 8878, "Blocks"): nothing expands by more. */
const maxExpansion = 32 * 1024;
/** Of a plaintext: most chunks fit, whose mean is 1.5 MiB. */
const usualBytes = 2 << 20;

/** A blob that was proved. All three are views that hold until the next call. */
export interface OpenedBlob {
  readonly plain: Uint8Array;
  /** What was sealed: the plaintext, or the zstd frame of it. It lies in `sealed` where it was, so that it can be sealed again in place. */
  readonly content: Uint8Array;
  /** The memory of the sealed blob. */
  readonly sealed: Uint8Array;
}

export class BlobDecoder {
  readonly #sealer: Sealer;
  readonly #plain = new ReusedBuffer(usualBytes);

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  /**
   * The plaintext: a view that holds until the next call.
   * @param sealed is overwritten: it is deciphered in place, which saves a buffer and a pass through memory
   * @param plainLength as the index has it: 0 for a blob that is not compressed
   * @throws HoldfastError `damaged` when the bytes are not those of the blob
   */
  decode(sealed: Uint8Array, plainLength: number, id: string): Uint8Array {
    return this.open(sealed, plainLength, id).plain;
  }

  /** As `decode`, for a caller who passes the content on. */
  open(sealed: Uint8Array, plainLength: number, id: string): OpenedBlob {
    assertBlobLengths(sealed.length, plainLength);
    const content = sealed.subarray(nonceLength, sealed.length - sealOverhead + nonceLength);
    this.#sealer.unseal(sealed, content);
    const plain = plainLength === 0 ? content : this.#plain.take(plainLength);
    if (plainLength > 0) decompress(content, plain);
    if (sha256Hex(plain) !== id) throw new HoldfastError('damaged', 'its content does not have the SHA-256 that is its id');
    return { plain, content, sealed };
  }
}

/** @throws HoldfastError `damaged` when no blob has these lengths; called before memory is taken for them */
export function assertBlobLengths(length: number, plainLength: number): void {
  const isPossible =
    length >= sealOverhead && length <= maxBlobBytes && plainLength <= Math.min(maxBlobBytes, (length - sealOverhead) * maxExpansion);
  if (isPossible) return;
  throw new HoldfastError('damaged', `it has impossible lengths in the index: ${length} bytes sealed, ${plainLength} decompressed`);
}
