import { createHash, hash, type Hash } from 'node:crypto';
import { HoldfastError } from '../base/errors.ts';

const sha256Length = 32;

/** SHA-256 as 64 lowercase hexadecimal digits. `bytes` may be a view over shared or WASM memory. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** Writes the 32 bytes of the SHA-256 to the front of `target`. */
export function sha256Into(bytes: Uint8Array, target: Uint8Array): void {
  if (target.length < sha256Length) throw new HoldfastError('internal', 'the target of a SHA-256 is too small');
  target.set(hash('sha256', bytes, 'buffer'), 0);
}

/** SHA-256 of a stream of pieces, such as a pack on its way out. */
export class IncrementalSha256 {
  #hash: Hash | undefined;

  /** Adds the piece; it may be overwritten afterwards. */
  update(bytes: Uint8Array): void {
    this.#hash ??= createHash('sha256');
    this.#hash.update(bytes);
  }

  /** The sum over everything since the last digest, as 64 hexadecimal digits. The next update starts a new sum. */
  digestHex(): string {
    const finished = this.#hash ?? createHash('sha256');
    this.#hash = undefined;
    return finished.digest('hex');
  }
}
