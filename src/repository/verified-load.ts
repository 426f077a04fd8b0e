/** Loads a file whose name is the SHA-256 of its bytes, and proves that. */
import { HoldfastError } from '../base/errors.ts';
import { sha256Hex } from '../crypto/sha256.ts';
import type { Backend, LoadOptions, StoredFile } from '../storage/backend.ts';
import { damagedFile, loadingFile } from './damaged-file.ts';

/**
 * Bytes that differ from their name are asked for once more, as restic does: a second copy that went wrong in the same way is damage
 * in the storage, one that is right was damaged on its way.
 * @throws HoldfastError `damaged` naming the file
 */
export async function loadVerified(backend: Backend, file: StoredFile, options: LoadOptions): Promise<Buffer> {
  const first = await loadingFile(file, () => backend.load(file, options));
  if (sha256Hex(first) === file.name) return first;
  const second = await loadingFile(file, () => backend.load(file, { ...options, isFresh: true }));
  if (sha256Hex(second) === file.name) return second;
  throw damagedFile(file, new HoldfastError('damaged', 'its content does not have the SHA-256 that is its name'));
}
