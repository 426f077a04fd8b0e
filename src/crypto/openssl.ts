/**
 * The cipher suite on the OpenSSL inside the node process (statically linked or libcrypto.so), public EVP functions only.
 * Contexts are keyed once; a call then sets the counter block (0.3 us) and runs over the data in place,
 * without the copies and the garbage of node:crypto. Source: OpenSSL 3 manual pages EVP_EncryptInit, EVP_MAC.
 */
import type { LibraryHandle } from 'koffi';
import { HoldfastError } from '../base/errors.ts';
import type { NativePointer } from '../base/process-symbols.ts';
import type { CipherSuite } from './cipher-suite.ts';
import type { MasterKey } from './master-key.ts';

interface Openssl {
  aes256Ctr(): NativePointer | null;
  aes128Ecb(): NativePointer | null;
  newCipher(): NativePointer | null;
  freeCipher(context: NativePointer): void;
  initCipher(context: NativePointer, type: NativePointer | null, engine: null, key: Uint8Array | null, iv: Uint8Array | null): number;
  updateCipher(context: NativePointer, output: Uint8Array, writtenInt32: Uint8Array, input: Uint8Array, length: number): number;
  fetchMac(library: null, name: string, properties: null): NativePointer | null;
  freeMacMethod(method: NativePointer): void;
  newMac(method: NativePointer): NativePointer | null;
  freeMac(context: NativePointer): void;
  initMac(context: NativePointer, key: Uint8Array, keyLength: number, parameters: null): number;
  updateMac(context: NativePointer, message: Uint8Array, length: number): number;
  finishMac(context: NativePointer, mac: Uint8Array, writtenSize: Uint8Array, capacity: number): number;
}

const boundByLibrary = new WeakMap<LibraryHandle, Openssl>();

/** Undefined where the process exports no OpenSSL 3, or one without Poly1305 (FIPS mode). */
export function createOpensslCipherSuite(symbols: LibraryHandle, key: MasterKey): CipherSuite | undefined {
  try {
    const openssl = boundByLibrary.get(symbols) ?? bindOpenssl(symbols);
    boundByLibrary.set(symbols, openssl);
    return new OpensslCipherSuite(openssl, key);
  } catch {
    return undefined;
  }
}

class OpensslCipherSuite implements CipherSuite {
  readonly #openssl: Openssl;
  readonly #ctr: NativePointer;
  readonly #blocks: NativePointer;
  readonly #mac: NativePointer;
  readonly #written = Buffer.alloc(8);

  constructor(openssl: Openssl, key: MasterKey) {
    this.#openssl = openssl;
    this.#ctr = keyedCipher(this, openssl, openssl.aes256Ctr(), key.encrypt);
    this.#blocks = keyedCipher(this, openssl, openssl.aes128Ecb(), key.macK);
    this.#mac = poly1305Context(this, openssl);
  }

  cryptCtr(iv: Uint8Array, input: Uint8Array, output: Uint8Array): void {
    if (input.length === 0) return;
    check(this.#openssl.initCipher(this.#ctr, null, null, null, iv), 'EVP_EncryptInit_ex');
    check(this.#openssl.updateCipher(this.#ctr, output, this.#written, input, input.length), 'EVP_EncryptUpdate');
  }

  encryptBlocks(input: Uint8Array, output: Uint8Array): void {
    // EVP keeps a last incomplete block back: whole blocks leave nothing in the context.
    check(this.#openssl.updateCipher(this.#blocks, output, this.#written, input, input.length), 'EVP_EncryptUpdate');
  }

  authenticate(oneTimeKey: Uint8Array, message: Uint8Array, mac: Uint8Array): void {
    check(this.#openssl.initMac(this.#mac, oneTimeKey, oneTimeKey.length, null), 'EVP_MAC_init');
    if (message.length > 0) check(this.#openssl.updateMac(this.#mac, message, message.length), 'EVP_MAC_update');
    check(this.#openssl.finishMac(this.#mac, mac, this.#written, mac.length), 'EVP_MAC_final');
  }
}

/** Contexts live outside the garbage collector's sight: each is freed when the suite that owns it is collected. */
const contexts = new FinalizationRegistry<() => void>((free) => {
  free();
});

function keyedCipher(owner: OpensslCipherSuite, openssl: Openssl, type: NativePointer | null, key: Uint8Array): NativePointer {
  const context = present(openssl.newCipher(), 'EVP_CIPHER_CTX_new');
  contexts.register(owner, () => openssl.freeCipher(context));
  check(openssl.initCipher(context, present(type, 'EVP_aes'), null, key, null), 'EVP_EncryptInit_ex');
  return context;
}

function poly1305Context(owner: OpensslCipherSuite, openssl: Openssl): NativePointer {
  const method = present(openssl.fetchMac(null, 'POLY1305', null), 'EVP_MAC_fetch');
  const context = openssl.newMac(method);
  openssl.freeMacMethod(method);
  const kept = present(context, 'EVP_MAC_CTX_new');
  contexts.register(owner, () => openssl.freeMac(kept));
  return kept;
}

/** OpenSSL says 1 for success and 0 (or less) for failure. */
function check(result: number, call: string): void {
  if (result !== 1) throw new HoldfastError('internal', `${call} of OpenSSL failed`);
}

function present(pointer: NativePointer | null, call: string): NativePointer {
  if (pointer === null || pointer === 0n) throw new HoldfastError('internal', `${call} of OpenSSL failed`);
  return pointer;
}

/** @throws Error of koffi when a symbol is missing */
function bindOpenssl(symbols: LibraryHandle): Openssl {
  const address = 'void *';
  const bind = (name: string, result: string, parameters: string[]): unknown => symbols.func(name, result, parameters);
  return {
    aes256Ctr: bind('EVP_aes_256_ctr', address, []),
    aes128Ecb: bind('EVP_aes_128_ecb', address, []),
    newCipher: bind('EVP_CIPHER_CTX_new', address, []),
    freeCipher: bind('EVP_CIPHER_CTX_free', 'void', [address]),
    initCipher: bind('EVP_EncryptInit_ex', 'int', [address, address, address, address, address]),
    updateCipher: bind('EVP_EncryptUpdate', 'int', [address, address, address, address, 'int']),
    fetchMac: bind('EVP_MAC_fetch', address, [address, 'str', address]),
    freeMacMethod: bind('EVP_MAC_free', 'void', [address]),
    newMac: bind('EVP_MAC_CTX_new', address, [address]),
    freeMac: bind('EVP_MAC_CTX_free', 'void', [address]),
    initMac: bind('EVP_MAC_init', 'int', [address, address, 'size_t', address]),
    updateMac: bind('EVP_MAC_update', 'int', [address, address, 'size_t']),
    finishMac: bind('EVP_MAC_final', 'int', [address, address, address, 'size_t']),
  } as Openssl;
}
