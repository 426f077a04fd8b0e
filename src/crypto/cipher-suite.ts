/** Poly1305 takes a key of 32 bytes that serves for one message only. */
export const oneTimeKeyLength = 32;
export const macLength = 16;
export const aesBlockLength = 16;

/**
 * The three primitives of the repository's encryption, keyed once for a master key.
 * Every array may be a view over a SharedArrayBuffer or over WASM memory. Lengths are the caller's duty:
 * an implementation writes exactly as many bytes as it is told.
 */
export interface CipherSuite {
  /** AES-256-CTR of `input` from counter block `iv` (16 bytes) into the first `input.length` bytes of `output`; the two must not overlap. */
  cryptCtr(iv: Uint8Array, input: Uint8Array, output: Uint8Array): void;
  /** AES-128 of each 16-byte block of `input` into `output`, with the key `macK`. */
  encryptBlocks(input: Uint8Array, output: Uint8Array): void;
  /** Poly1305 of `message` under `oneTimeKey` (32 bytes) into `mac` (16 bytes). */
  authenticate(oneTimeKey: Uint8Array, message: Uint8Array, mac: Uint8Array): void;
}
