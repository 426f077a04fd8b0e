import type { Randomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import { encryptKeyLength, macKeyPartLength, splitMasterKey, type MasterKey } from './master-key.ts';
import { scrypt, type ScryptCost } from './scrypt/scrypt.ts';

export type { ScryptCost };

/**
 * For new keys: 32 MiB and 0.4-0.5 s on one core of 2022, as OpenSSL works. restic measures the machine for 500 ms and 60 MB and arrives there too;
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
 * The key that opens a key file, out of a password. Runs in threads of its own: the caller's stays free meanwhile.
 * The cost must be bounded before (format/key-file): whoever wrote the key file chose the memory that this takes.
 * A text password counts as UTF-8.
 * @throws HoldfastError `damaged` when scrypt cannot work with the cost
 */
export async function deriveKey(password: string | Uint8Array, salt: Uint8Array, { N, r, p }: ScryptCost): Promise<MasterKey> {
  try {
    return splitMasterKey(await scrypt(password, salt, derivedLength, { N, r, p }));
  } catch (cause) {
    throw new HoldfastError('damaged', 'the key file asks for scrypt parameters that do not work', { cause, context: { N, r, p } });
  }
}
