/**
 * scrypt (RFC 7914) with its `p` independent blocks two at a time.
 *
 * Most of a short command's time is the derivation of the key. OpenSSL works through the blocks one after the other, at 80 ms each;
 * here a pair takes 75 ms (p = 5: 400 and 230 ms; measured on an EPYC of 2.45 GHz).
 */
import { scrypt as nodeScrypt, pbkdf2Sync } from 'node:crypto';
import { maxR, mixLanes } from './lanes.ts';

/** Cost of scrypt: N is a power of two; one derivation takes 256 * N * r bytes and time in proportion to N * r * p. */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** Above this OpenSSL works through the blocks: in half of the memory. */
const maxPairBytes = 128 << 20;

/** @throws what node:crypto throws when scrypt cannot work with the cost */
export async function scrypt(password: string | Uint8Array, salt: Uint8Array, length: number, cost: ScryptCost): Promise<Buffer> {
  const { N, r, p } = cost;
  if (!isForPairs(cost)) return await scryptOfNode(password, salt, length, cost);
  const blocks = pbkdf2Sync(password, salt, 1, 128 * r * p, 'sha256');
  await mixLanes(blocks, N, r);
  return pbkdf2Sync(password, blocks, 1, length, 'sha256');
}

function isForPairs({ N, r, p }: ScryptCost): boolean {
  const isUsual = N > 1 && Number.isInteger(Math.log2(N)) && r > 0 && r <= maxR;
  return isUsual && p > 1 && 256 * N * r <= maxPairBytes;
}

/** In libuv's thread pool. */
async function scryptOfNode(password: string | Uint8Array, salt: Uint8Array, length: number, cost: ScryptCost): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  nodeScrypt(password, salt, length, { ...cost, maxmem: memoryBytes(cost) }, (error, derived) => {
    if (error) reject(error);
    else resolve(derived);
  });
  return await promise;
}

/** What OpenSSL counts for a derivation: the table of N + 2 rows, the p blocks, and some room. */
function memoryBytes({ N, r, p }: ScryptCost): number {
  return 128 * r * (N + 2 + p) + 1024;
}
