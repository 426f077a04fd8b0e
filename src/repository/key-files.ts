/** Key files: the master key, sealed once for each password. Source: restic's design document, "Keys, Encryption and MAC". */
import { hostname, userInfo } from 'node:os';
import { type Clock, type Randomness, systemRandomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import type { KeyId } from '../base/ids.ts';
import { createSalt, defaultScryptCost, deriveKey, type ScryptCost } from '../crypto/key-derivation.ts';
import { checkMasterKey, type MasterKey } from '../crypto/master-key.ts';
import { Sealer, sealOverhead } from '../crypto/sealer.ts';
import { sha256Hex } from '../crypto/sha256.ts';
import { formatTimeNs } from '../format/go-time.ts';
import { decodeKeyFile, decodeMasterKey, encodeKeyFile, encodeMasterKey, type KeyFile } from '../format/key-file.ts';
import type { Backend, CallOptions } from '../storage/backend.ts';
import { inFile } from './damaged-file.ts';
import { loadVerified } from './verified-load.ts';

/** Text counts as UTF-8. */
export type Password = string | Uint8Array;

export interface NewKey {
  readonly password: Password;
  /** Whom the key is for, as listed; the user and host of this process unless told. */
  readonly username?: string | undefined;
  readonly hostname?: string | undefined;
  readonly scryptCost?: ScryptCost;
  readonly clock: Clock;
  readonly random: Randomness;
}

/** The codec refuses larger ones, too; this keeps them out of memory. */
const maxKeyFileBytes = 64 * 1024;

/** @throws HoldfastError `damaged` or `repository-unsupported`, naming the file */
export async function loadKeyFile(backend: Backend, id: KeyId, { signal }: CallOptions = {}): Promise<KeyFile> {
  const bytes = await loadVerified(backend, { kind: 'key', name: id }, { maxBytes: maxKeyFileBytes, signal });
  return inFile({ kind: 'key', name: id }, () => decodeKeyFile(bytes));
}

/**
 * The master key, or undefined when the password is not that of this key (which cannot be told from changed sealed bytes).
 * Takes 0.2-0.5 s, in other threads. @throws HoldfastError `damaged` when what was sealed is no master key
 */
export async function openKeyFile(id: KeyId, key: KeyFile, password: Password): Promise<MasterKey | undefined> {
  const sealer = new Sealer(await deriveKey(password, key.salt, key), systemRandomness);
  const plain = unsealOrUndefined(sealer, key.data);
  if (plain === undefined) return undefined;
  return inFile({ kind: 'key', name: id }, () => {
    const masterKey = decodeMasterKey(plain);
    checkMasterKey(masterKey);
    return masterKey;
  });
}

export function unsealOrUndefined(sealer: Sealer, sealed: Uint8Array): Buffer | undefined {
  const plain = Buffer.alloc(Math.max(0, sealed.length - sealOverhead));
  try {
    sealer.unseal(sealed, plain);
    return plain;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'damaged') return undefined;
    throw error;
  }
}

/**
 * Seals the master key with the new password and stores that, then reads it back: a key that does not open later would cost all data.
 */
export async function saveKeyFile(backend: Backend, masterKey: MasterKey, newKey: NewKey, options: CallOptions = {}): Promise<KeyId> {
  const salt = createSalt(newKey.random);
  const cost = newKey.scryptCost ?? defaultScryptCost;
  const sealer = new Sealer(await deriveKey(newKey.password, salt, cost), newKey.random);
  const bytes = encodeKeyFile({
    created: formatTimeNs(newKey.clock.nowNs()),
    username: newKey.username ?? currentUserName(),
    hostname: newKey.hostname ?? hostname(),
    kdf: 'scrypt',
    ...cost,
    salt,
    data: sealMasterKey(sealer, masterKey),
  });
  const id = sha256Hex(bytes) as KeyId;
  await backend.save({ kind: 'key', name: id }, bytes, options);
  await proveOpens(backend, id, sealer, masterKey);
  return id;
}

function sealMasterKey(sealer: Sealer, masterKey: MasterKey): Buffer {
  const plain = encodeMasterKey(masterKey);
  const sealed = Buffer.alloc(plain.length + sealOverhead);
  sealer.seal(plain, sealed);
  plain.fill(0);
  return sealed;
}

async function proveOpens(backend: Backend, id: KeyId, sealer: Sealer, masterKey: MasterKey): Promise<void> {
  try {
    const stored = await loadKeyFile(backend, id);
    const plain = unsealOrUndefined(sealer, stored.data);
    if (plain?.equals(encodeMasterKey(masterKey))) return;
    throw new HoldfastError('damaged', `key ${id} does not open after it was stored`);
  } catch (error) {
    await backend.remove({ kind: 'key', name: id });
    throw error;
  }
}

function currentUserName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without an account, as in a container.
    return '';
  }
}
