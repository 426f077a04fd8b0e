/** Errors of the file system in the words of the backend contract. */
import { asHoldfastError, type HoldfastError } from '../../base/errors.ts';
import { missingFileError, type StoredFile } from '../backend.ts';

export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

export function isErrno(error: unknown, ...names: string[]): boolean {
  const errno = errnoOf(error);
  return errno !== undefined && names.includes(errno);
}

/** Runs `work`; what the file system throws comes out as a HoldfastError, "no such file" as the missing repository file. */
export async function inWordsOfContract<T>(file: StoredFile, location: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isErrno(error, 'ENOENT') ? missingFileError(file, location, error) : asHoldfastError(error);
  }
}

/** As above where no single file is meant. */
export async function asSystemWork<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asHoldfastError(error) satisfies HoldfastError;
  }
}
