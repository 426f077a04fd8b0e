/** Names the file in errors of codecs and crypto, which know bytes only. */
import { HoldfastError } from '../base/errors.ts';
import { describeFile, type FileKind, type StoredFile } from '../storage/backend.ts';

/** What a person can do about a damaged file of each kind. */
const hints: Readonly<Record<FileKind, string>> = {
  config: 'Restore the file config from a copy of the repository: its content cannot be made again.',
  key: 'Restore the file from a copy of the repository, or remove it if another key opens the repository.',
  lock: 'Make sure that no program uses the repository, then remove all its locks with `unlock --remove-all`.',
  snapshot:
    'The other snapshots are not affected. Restore the file from a copy of the repository; or find what it had with `recover`, then remove it with `repair snapshots --forget ID`.',
  index: 'Rebuild the index from the packs with `repair index`.',
  pack: 'Run `check --read-data` to see what else is damaged, then `repair packs` to save what is whole.',
};

export function damagedFile(file: StoredFile, problem: HoldfastError): HoldfastError {
  return new HoldfastError('damaged', `${describeFile(file)} is damaged: ${problem.message}`, {
    hint: hints[file.kind],
    context: { ...problem.context, kind: file.kind, name: file.name },
    cause: problem,
  });
}

/** Runs `read` on the file's bytes; what it finds wrong with them comes out with the file's name. */
export function inFile<T>(file: StoredFile, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw withFileName(file, error);
  }
}

/** As inFile, for reading from the storage. */
export async function loadingFile<T>(file: StoredFile, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw withFileName(file, error);
  }
}

function withFileName(file: StoredFile, error: unknown): unknown {
  if (!(error instanceof HoldfastError)) return error;
  if (error.code === 'damaged') return isNamed(file, error) ? withHint(file, error) : damagedFile(file, error);
  if (error.code !== 'repository-unsupported') return error;
  return new HoldfastError('repository-unsupported', `${describeFile(file)} cannot be read here: ${error.message}`, {
    hint: error.hint ?? 'A newer program may have written it: use a newer version.',
    context: { ...error.context, kind: file.kind, name: file.name },
    cause: error,
  });
}

/** The storage knows the file and has named it. */
function isNamed(file: StoredFile, error: HoldfastError): boolean {
  return error.context['kind'] === file.kind && error.context['name'] === file.name;
}

function withHint(file: StoredFile, error: HoldfastError): HoldfastError {
  return new HoldfastError(error.code, error.message, { hint: hints[file.kind], context: error.context, cause: error });
}
