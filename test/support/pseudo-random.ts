import { createCipheriv } from 'node:crypto';

/** Bytes that look random and cannot be compressed: the same for the same seed, in every run. */
export function pseudoRandomBytes(sizeBytes: number, seed: number): Buffer {
  const key = Buffer.alloc(32);
  key.writeDoubleLE(seed);
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}
