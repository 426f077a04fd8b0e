import { HoldfastError } from '../base/errors.ts';
import type { Randomness } from '../base/clock.ts';

/**
 * What seals and opens a repository's files. Source of the lengths: restic's design document, "Keys, Encryption and MAC".
 * The same shape comes out of a password (and then opens the key file) and out of a key file (and then opens all else).
 */
export interface MasterKey {
  /** AES-256 key, 32 bytes. */
  readonly encrypt: Uint8Array;
  /** AES-128 key that makes a one-time pad out of each nonce, 16 bytes. */
  readonly macK: Uint8Array;
  /** The `r` of Poly1305, 16 bytes, masked or not: Poly1305 masks it itself. */
  readonly macR: Uint8Array;
}

export const encryptKeyLength = 32;
export const macKeyPartLength = 16;

/** A fresh master key for a new repository. */
export function createMasterKey(random: Randomness): MasterKey {
  const bytes = Buffer.alloc(encryptKeyLength + 2 * macKeyPartLength);
  random.fill(bytes);
  const key = splitMasterKey(bytes);
  checkMasterKey(key);
  return key;
}

/** Takes 64 bytes apart in the order of restic's derivation: encrypt, k, r. The parts are views. */
export function splitMasterKey(bytes: Uint8Array): MasterKey {
  const macStart = encryptKeyLength + macKeyPartLength;
  return {
    encrypt: bytes.subarray(0, encryptKeyLength),
    macK: bytes.subarray(encryptKeyLength, macStart),
    macR: bytes.subarray(macStart, macStart + macKeyPartLength),
  };
}

/**
 * restic refuses a key of which a part is all zeros; so do we, for it can only come from damage or a broken source of randomness.
 * @throws HoldfastError `damaged`
 */
export function checkMasterKey(key: MasterKey): void {
  checkPart(key.encrypt, encryptKeyLength);
  checkPart(key.macK, macKeyPartLength);
  checkPart(key.macR, macKeyPartLength);
}

function checkPart(part: Uint8Array, length: number): void {
  if (part.length !== length) throw new HoldfastError('damaged', 'a part of the master key has a wrong length');
  if (part.every((byte) => byte === 0)) throw new HoldfastError('damaged', 'a part of the master key is all zeros');
}
