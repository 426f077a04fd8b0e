/** The config file: sealed with the master key, never compressed, and of all files the only one without a digest for a name. */
import type { Randomness } from '../base/clock.ts';
import { formatPolynomial, parsePolynomial } from '../chunker/polynomial.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import { Sealer, sealOverhead } from '../crypto/sealer.ts';
import { decodeConfig, encodeConfig } from '../format/config.ts';
import { configFile } from '../storage/backend.ts';
import { inFile } from './damaged-file.ts';
import { unsealOrUndefined } from './key-files.ts';

export interface RepositoryConfig {
  readonly version: 1 | 2;
  /** 64 hexadecimal digits, random. */
  readonly id: string;
  /** By which files are cut into chunks: irreducible, of degree 53. */
  readonly polynomial: bigint;
}

/** A config has some 200 bytes. */
export const maxConfigBytes = 64 * 1024;

export function sealConfig(config: RepositoryConfig, masterKey: MasterKey, random: Randomness): Buffer {
  const { version, id, polynomial } = config;
  const plain = encodeConfig({ version, id, chunkerPolynomial: formatPolynomial(polynomial) });
  const sealed = Buffer.alloc(plain.length + sealOverhead);
  new Sealer(masterKey, random).seal(plain, sealed);
  return sealed;
}

/**
 * Undefined when this master key did not seal these bytes.
 * @throws HoldfastError `damaged` for content that cannot be, `repository-unsupported` for a version that is not known
 */
export function openConfig(sealed: Uint8Array, masterKey: MasterKey, random: Randomness): RepositoryConfig | undefined {
  const plain = unsealOrUndefined(new Sealer(masterKey, random), sealed);
  if (plain === undefined) return undefined;
  return inFile(configFile, () => {
    const { version, id, chunkerPolynomial } = decodeConfig(plain);
    return { version, id, polynomial: parsePolynomial(chunkerPolynomial) };
  });
}
