/**
 * Hashes of passwords, as argon2id in the usual text form: `$argon2id$v=19$m=65536,t=3,p=1$SALT$HASH` (the PHC string format;
 * RFC 9106 for argon2). Nothing but the password opens one, and a guess costs as much memory and time as its parameters say.
 */
import crypto, { randomBytes, timingSafeEqual } from 'node:crypto';
import { HoldfastError } from '../base/errors.ts';

export interface PasswordHash {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Uint8Array;
  readonly digest: Uint8Array;
}

/** RFC 9106 names this the second choice, for where memory is short: 64 MiB, three passes. A tenth of a second on one core. */
const usual = { memoryKib: 65_536, passes: 3, lanes: 1 } as const;
const saltBytes = 16;
const digestBytes = 32;
/** A hash that asks for more would let whoever writes the file, by a slip, stop the server. */
const most = { memoryKib: 1 << 20, passes: 64, lanes: 16, saltBytes: 64, digestBytes: 64 } as const;
const shape = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{16,88})$/;

export async function hashPassword(password: string): Promise<string> {
  const hash = { ...usual, salt: randomBytes(saltBytes), digest: new Uint8Array(digestBytes) };
  return formatHash({ ...hash, digest: await digestOf(password, hash) });
}

export async function isPassword(password: string, hash: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await digestOf(password, hash), hash.digest);
}

/** Undefined for what is no hash of this kind, or one with parameters beyond all measure. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, memory, passes, lanes, salt, digest] = shape.exec(text) ?? [];
  if (salt === undefined || digest === undefined) return undefined;
  const hash = {
    memoryKib: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
    salt: Buffer.from(salt, 'base64'),
    digest: Buffer.from(digest, 'base64'),
  };
  return isUsable(hash) ? hash : undefined;
}

/** A hash that no password has: comparing with it takes as long as with a true one. */
export function nobodysHash(): PasswordHash {
  return { ...usual, salt: randomBytes(saltBytes), digest: randomBytes(digestBytes) };
}

function isUsable({ memoryKib, passes, lanes, salt, digest }: PasswordHash): boolean {
  return (
    passes >= 1 &&
    passes <= most.passes &&
    lanes >= 1 &&
    lanes <= most.lanes &&
    memoryKib >= 8 * lanes &&
    memoryKib <= most.memoryKib &&
    salt.length >= 8 &&
    salt.length <= most.saltBytes &&
    digest.length >= 16 &&
    digest.length <= most.digestBytes
  );
}

function formatHash({ memoryKib, passes, lanes, salt, digest }: PasswordHash): string {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${text(salt)}$${text(digest)}`;
}

function digestOf(password: string, { memoryKib, passes, lanes, salt, digest }: PasswordHash): Promise<Buffer> {
  // Node has it from 24.7 on: a name that is not there could not be imported by itself.
  if (typeof crypto.argon2 !== 'function') {
    throw new HoldfastError('unsupported', `this Node (${process.version}) cannot compute argon2 hashes`, {
      hint: 'Install Node 24.7 or newer.',
    });
  }
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parameters = { message: password, nonce: salt, parallelism: lanes, tagLength: digest.length, memory: memoryKib, passes };
  crypto.argon2('argon2id', parameters, (error, result) => (error === null ? resolve(result) : reject(error)));
  return promise;
}
