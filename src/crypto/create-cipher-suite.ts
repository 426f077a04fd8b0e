import { processSymbols } from '../base/process-symbols.ts';
import type { CipherSuite } from './cipher-suite.ts';
import type { MasterKey } from './master-key.ts';
import { createNodeCipherSuite } from './node-cipher-suite.ts';
import { createOpensslCipherSuite } from './openssl.ts';

/** The fastest suite that this process can offer: its own OpenSSL, else node:crypto with libsodium. */
export function createCipherSuite(key: MasterKey): CipherSuite {
  const symbols = processSymbols();
  return (symbols && createOpensslCipherSuite(symbols, key)) ?? createNodeCipherSuite(key);
}
