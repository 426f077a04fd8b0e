/** The config file of a repository: format version, identity, and the polynomial that cuts files. */
import { HoldfastError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import { damaged, optionalString, optionalUint32, readDocument } from './json-document.ts';

export interface RepositoryConfig {
  /** 2 has compression. */
  readonly version: 1 | 2;
  /** 32 random bytes in hexadecimal; not the digest of anything. */
  readonly id: string;
  /** Coefficients as bits, in hexadecimal without leading zeros. Whether it is irreducible is for the chunker to say. */
  readonly chunkerPolynomial: string;
}

const highestVersion = 2;
/** A number of 64 bits. */
const polynomialPattern = /^[0-9a-f]{1,16}$/;

export function encodeConfig({ version, id, chunkerPolynomial }: RepositoryConfig): Buffer {
  return Buffer.from(`{"version":${version},"id":"${id}","chunker_polynomial":"${chunkerPolynomial}"}`, 'utf8');
}

/** @throws HoldfastError `repository-unsupported` for a version that is not known here, `damaged` for anything else */
export function decodeConfig(bytes: Uint8Array): RepositoryConfig {
  return readDocument(bytes, 'the config', (raw) => {
    const version = readVersion(optionalUint32(raw['version'], 'the version in the config'));
    const id = optionalString(raw['id'], 'the id in the config') ?? '';
    if (!isId(id)) throw damaged('the id in the config', 'is not 64 hexadecimal digits');
    const chunkerPolynomial = optionalString(raw['chunker_polynomial'], 'the chunker_polynomial in the config') ?? '';
    if (!polynomialPattern.test(chunkerPolynomial)) throw damaged('the chunker_polynomial in the config', 'is not a number in hexadecimal');
    return { version, id, chunkerPolynomial };
  });
}

function readVersion(version: number | undefined): 1 | 2 {
  if (version === undefined || version === 0) throw damaged('the config', 'has no version');
  if (version === 1 || version === 2) return version;
  throw new HoldfastError(
    'repository-unsupported',
    `the repository has format version ${version}; the highest known here is ${highestVersion}`,
    {
      hint: 'A newer release of Holdfast may know that version.',
      context: { version },
    },
  );
}
