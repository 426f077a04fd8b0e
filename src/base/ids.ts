/**
 * Ids of the repository: SHA-256 digests, in code always 64 lowercase hexadecimal digits.
 * Each kind has a brand of its own, so that a pack's id is never taken for a blob's.
 */

declare const idBrand: unique symbol;
type Id<Kind extends string> = string & { readonly [idBrand]: Kind };

/** SHA-256 of a blob's plaintext. The id of a tree is the id of its tree blob. */
export type BlobId = Id<'blob'>;
export type PackId = Id<'pack'>;
export type IndexId = Id<'index'>;
export type SnapshotId = Id<'snapshot'>;
export type KeyId = Id<'key'>;
export type LockId = Id<'lock'>;
export type AnyId = BlobId | PackId | IndexId | SnapshotId | KeyId | LockId;

export const idLengthBytes = 32;
const idPattern = /^[0-9a-f]{64}$/;

export function isId(text: string): boolean {
  return idPattern.test(text);
}

export function idFromBytes<T extends AnyId>(bytes: Uint8Array): T {
  return Buffer.from(bytes.buffer, bytes.byteOffset, idLengthBytes).toString('hex') as T;
}

export function idToBytes(id: AnyId): Buffer {
  return Buffer.from(id, 'hex');
}

/** The eight digits by which people name an object. */
export function shortId(id: AnyId): string {
  return id.slice(0, 8);
}
