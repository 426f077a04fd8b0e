/**
 * Key files: the master key, sealed with a key that scrypt derives from a password. Anyone who can write to the storage can
 * put a key file there, and it is read before anything is authenticated, so its parameters are bounded.
 */
import { HoldfastError } from '../base/errors.ts';
import { encodeString } from './go-json.ts';
import { isTime, zeroTime } from './go-time.ts';
import { asObject, damaged, type JsonObject, optionalBase64, optionalString, optionalUint32, readDocument } from './json-document.ts';
import { sealingOverheadBytes } from './pack-header.ts';

export interface KeyFile {
  /** RFC 3339 */
  readonly created: string;
  readonly username: string;
  readonly hostname: string;
  readonly kdf: 'scrypt';
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
  /** A sealed master key in the form of encodeMasterKey. */
  readonly data: Uint8Array;
}

/** The parts of the master key: 32, 16 and 16 bytes. */
export interface MasterKeyParts {
  readonly encrypt: Uint8Array;
  readonly macK: Uint8Array;
  readonly macR: Uint8Array;
}

const saltBytes = 64;
/** A real key file has some 450 bytes; names of user and host may be long. */
const maxKeyFileBytes = 64 * 1024;
/** scrypt needs 128 * N * r bytes. restic picks parameters within 60 MB; 1 GiB leaves room for those who set their own. */
const maxScryptBytes = 1024 * 1024 * 1024;
/** restic has p = 5 when it does not measure; quick machines get more. */
const maxParallelization = 64;
/** N * r * p, to which the time is proportional: restic's default is 1.3 million (0.3 s), so this is about a minute. */
const maxScryptWork = 2 ** 28;

export function encodeKeyFile(key: KeyFile): Buffer {
  const owner = `"username":${encodeString(key.username)},"hostname":${encodeString(key.hostname)}`;
  const derivation = `"kdf":"${key.kdf}","N":${key.N},"r":${key.r},"p":${key.p},"salt":"${base64(key.salt)}"`;
  return Buffer.from(`{"created":"${key.created}",${owner},${derivation},"data":"${base64(key.data)}"}`, 'utf8');
}

/** @throws HoldfastError `damaged`, or `repository-unsupported` when opening it would take another method or too much memory or time */
export function decodeKeyFile(bytes: Uint8Array): KeyFile {
  if (bytes.length > maxKeyFileBytes) throw damaged('a key file', 'is larger than any key file');
  return readDocument(bytes, 'a key file', (raw) => {
    const created = optionalString(raw['created'], 'the creation time of a key file') ?? zeroTime;
    if (!isTime(created)) throw damaged('the creation time of a key file', 'is not in the form of RFC 3339');
    return {
      created,
      username: optionalString(raw['username'], 'the username of a key file') ?? '',
      hostname: optionalString(raw['hostname'], 'the hostname of a key file') ?? '',
      ...readDerivation(raw),
      data: readData(raw['data']),
    };
  });
}

function readDerivation(raw: JsonObject): Pick<KeyFile, 'kdf' | 'N' | 'r' | 'p' | 'salt'> {
  const kdf = optionalString(raw['kdf'], 'the kdf of a key file');
  if (kdf !== 'scrypt') throw new HoldfastError('repository-unsupported', 'a key file has a key derivation that is not scrypt');
  const N = optionalUint32(raw['N'], 'N of a key file') ?? 0;
  const r = optionalUint32(raw['r'], 'r of a key file') ?? 0;
  const p = optionalUint32(raw['p'], 'p of a key file') ?? 0;
  if (N < 2 || !Number.isInteger(Math.log2(N)) || r < 1 || p < 1) throw damaged('a key file', 'has parameters that scrypt does not allow');
  if (128 * N * r > maxScryptBytes || p > maxParallelization || N * r * p > maxScryptWork) {
    throw new HoldfastError('repository-unsupported', 'a key file asks for more memory or time than is granted to scrypt', {
      context: { N, r, p },
      hint: 'Remove that key file if you did not make it with such parameters.',
    });
  }
  const salt = optionalBase64(raw['salt'], 'the salt of a key file');
  if (salt?.length !== saltBytes) throw damaged('the salt of a key file', `has not ${saltBytes} bytes`);
  return { kdf, N, r, p, salt };
}

function readData(value: unknown): Buffer {
  const data = optionalBase64(value, 'the data of a key file');
  if (data === undefined || data.length <= sealingOverheadBytes) throw damaged('the data of a key file', 'is too short');
  return data;
}

/** The plaintext that a key file seals. */
export function encodeMasterKey({ encrypt, macK, macR }: MasterKeyParts): Buffer {
  return Buffer.from(`{"mac":{"k":"${base64(macK)}","r":"${base64(macR)}"},"encrypt":"${base64(encrypt)}"}`, 'utf8');
}

/** @throws HoldfastError `damaged` when a part is missing or has a wrong length; the error tells nothing of the content */
export function decodeMasterKey(bytes: Uint8Array): MasterKeyParts {
  return readDocument(bytes, 'the master key', (raw) => {
    const mac = asObject(raw['mac'], 'the mac part of the master key');
    return { encrypt: readPart(raw['encrypt'], 32), macK: readPart(mac['k'], 16), macR: readPart(mac['r'], 16) };
  });
}

function readPart(value: unknown, length: number): Buffer {
  const part = optionalBase64(value, 'a part of the master key');
  if (part?.length !== length) throw damaged('a part of the master key', 'has a wrong length');
  return part;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
