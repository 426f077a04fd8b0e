import type { Randomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import { aesBlockLength, macLength, oneTimeKeyLength, type CipherSuite } from './cipher-suite.ts';
import { createCipherSuite } from './create-cipher-suite.ts';
import { checkMasterKey, macKeyPartLength, type MasterKey } from './master-key.ts';

const nonceLength = aesBlockLength;

/** Sealed bytes are this much longer than their plaintext: nonce (16) before, MAC (16) behind. */
export const sealOverhead = nonceLength + macLength;

/** Where in sealed bytes the ciphertext begins. */
export const sealStart = nonceLength;

/** Nonces drawn at a time: one call for randomness and one for AES-128 (8 KiB each) serve so many messages. */
const nonceBatch = 512;

/** OpenSSL counts the bytes of a call in a C int; no file of a repository comes near. */
const maxPlainLength = 0x7fff_ffff - sealOverhead;

/**
 * Encrypts and authenticates as restic does: nonce | AES-256-CTR | Poly1305-AES over the ciphertext.
 * Source: restic's design document, "Keys, Encryption and MAC". One Sealer serves one thread.
 *
 * Plaintext, sealed bytes and target may be views over a SharedArrayBuffer or over WASM memory.
 * Target and input must not overlap, but for a plaintext that lies in the target just where its ciphertext goes
 * (`target.subarray(sealStart)`): then it is sealed in place. A call needs no memory of its own beyond two small views.
 */
export class Sealer {
  readonly #suite: CipherSuite;
  readonly #random: Randomness;
  readonly #nonces = Buffer.alloc(nonceBatch * nonceLength);
  /** AES-128 of each nonce in `#nonces`. */
  readonly #pads = Buffer.alloc(nonceBatch * nonceLength);
  #nextNonce = nonceBatch;
  readonly #nonce = Buffer.alloc(nonceLength);
  readonly #pad = Buffer.alloc(aesBlockLength);
  /** `r` and then the pad of the nonce. */
  readonly #oneTimeKey = Buffer.alloc(oneTimeKeyLength);
  readonly #mac = Buffer.alloc(macLength);

  /** @throws HoldfastError `damaged` when the key has a part that is all zeros or of a wrong length */
  constructor(key: MasterKey, random: Randomness, suite?: CipherSuite) {
    checkMasterKey(key);
    this.#suite = suite ?? createCipherSuite(key);
    this.#random = random;
    this.#oneTimeKey.set(key.macR, 0);
  }

  /** Writes `plain.length + sealOverhead` bytes to the front of `target` and returns that number. */
  seal(plain: Uint8Array, target: Uint8Array): number {
    const macStart = nonceLength + plain.length;
    if (target.length < macStart + macLength || plain.length > maxPlainLength) throw badLength('seal');
    this.#drawNonce();
    target.set(this.#nonce, 0);
    const ciphertext = target.subarray(nonceLength, macStart);
    this.#suite.cryptCtr(this.#nonce, plain, ciphertext);
    this.#suite.authenticate(this.#oneTimeKey, ciphertext, this.#mac);
    target.set(this.#mac, macStart);
    return macStart + macLength;
  }

  /**
   * Writes the plaintext to the front of `target` and returns its length. Nothing is decrypted before the MAC is found right.
   * @throws HoldfastError `damaged` when the bytes are not what this key sealed
   */
  unseal(sealed: Uint8Array, target: Uint8Array): number {
    const length = sealed.length - sealOverhead;
    if (length < 0) throw new HoldfastError('damaged', 'sealed data is shorter than its nonce and MAC');
    if (target.length < length || length > maxPlainLength) throw badLength('unseal');
    const ciphertext = sealed.subarray(nonceLength, nonceLength + length);
    this.#takeNonceOf(sealed);
    this.#suite.authenticate(this.#oneTimeKey, ciphertext, this.#mac);
    if (!isSameMac(this.#mac, sealed, nonceLength + length)) {
      throw new HoldfastError('damaged', 'sealed data does not have the MAC that this key gives it');
    }
    this.#suite.cryptCtr(this.#nonce, ciphertext, target);
    return length;
  }

  /** Moves on to a nonce that was never used with this key, and to its pad. */
  #drawNonce(): void {
    if (this.#nextNonce === nonceBatch) this.#drawNonces();
    const start = this.#nextNonce++ * nonceLength;
    this.#nonces.copy(this.#nonce, 0, start, start + nonceLength);
    this.#pads.copy(this.#oneTimeKey, macKeyPartLength, start, start + aesBlockLength);
    if (isAllZero(this.#nonce)) throw new HoldfastError('internal', 'the source of randomness gave a nonce of zeros');
  }

  #drawNonces(): void {
    this.#random.fill(this.#nonces);
    this.#suite.encryptBlocks(this.#nonces, this.#pads);
    this.#nextNonce = 0;
  }

  #takeNonceOf(sealed: Uint8Array): void {
    for (let i = 0; i < nonceLength; i++) this.#nonce[i] = sealed[i] ?? 0;
    // restic never writes such a nonce and refuses to read one.
    if (isAllZero(this.#nonce)) throw new HoldfastError('damaged', 'sealed data has a nonce of zeros');
    this.#suite.encryptBlocks(this.#nonce, this.#pad);
    this.#pad.copy(this.#oneTimeKey, macKeyPartLength);
  }
}

function isAllZero(bytes: Uint8Array): boolean {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum |= bytes[i] ?? 0;
  return sum === 0;
}

/** Looks at every byte, so that the time says nothing about where the first difference is. */
function isSameMac(mac: Uint8Array, sealed: Uint8Array, start: number): boolean {
  let difference = 0;
  for (let i = 0; i < macLength; i++) difference |= (mac[i] ?? 0) ^ (sealed[start + i] ?? 0);
  return difference === 0;
}

function badLength(call: string): HoldfastError {
  return new HoldfastError('internal', `${call} was called with a target that is too small or with too much data`);
}
