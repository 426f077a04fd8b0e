import { scrypt } from 'node:crypto';
import type { Randomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import { encryptKeyLength, macKeyPartLength, splitMasterKey, type MasterKey } from './master-key.ts';

/** Cost of scrypt: N is a power of two; one derivation takes 128 * N * r bytes and time in proportion to N * r * p. */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/**
 * For new keys: 32 MiB and 0.4-0.5 s on one core of 2022. restic measures the machine for 500 ms and 60 MB and arrives there too;
 * a constant gives the same strength to a key that a small or a busy machine made.
 */
export const defaultScryptCost: ScryptCost = { N: 32_768, r: 8, p: 5 };

const saltLength = 64;
const derivedLength = encryptKeyLength + 2 * macKeyPartLength;

export function createSalt(random: Randomness): Uint8Array {
  const salt = Buffer.alloc(saltLength);
  random.fill(salt);
  return salt;
}

/**
 * The key that opens a key file, out of a password. Runs in libuv's thread pool: the caller's thread stays free for the 0.5 s.
 * The cost must be bounded before (format/key-file): whoever wrote the key file chose the memory that this takes.
 * A text password counts as UTF-8.
 * @throws HoldfastError `damaged` when scrypt cannot work with the cost
 */
export async function deriveKey(password: string | Uint8Array, salt: Uint8Array, cost: ScryptCost): Promise<MasterKey> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  try {
    scrypt(password, salt, derivedLength, { ...cost, maxmem: scryptMemoryBytes(cost) }, (error, derived) => {
      if (error) reject(error);
      else resolve(derived);
    });
    return splitMasterKey(await promise);
  } catch (cause) {
    throw new HoldfastError('damaged', 'the key file asks for scrypt parameters that do not work', { cause, context: { ...cost } });
  }
}

/** What OpenSSL counts for a derivation: the table of N + 2 rows, the p blocks, and some room. */
function scryptMemoryBytes({ N, r, p }: ScryptCost): number {
  return 128 * r * (N + 2 + p) + 1024;
}
