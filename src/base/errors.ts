/**
 * The one error class of Holdfast, and the one table of codes.
 *
 * The table feeds exit codes, HTTP status and docs/errors.md; a test proves that the three agree.
 * Exit codes 3, 10, 11, 12 and 130 have the meaning that restic documents for them.
 */
export const errorCodes = {
  usage: { exitCode: 1, httpStatus: 400, meaning: 'an option, argument or environment variable is not usable' },
  'source-missing': { exitCode: 1, httpStatus: 422, meaning: 'a path or command to back up does not exist' },
  'source-failed': { exitCode: 1, httpStatus: 422, meaning: 'a command or stream to back up failed; no snapshot was made' },
  partial: { exitCode: 3, httpStatus: 207, meaning: 'the run finished, but some items could not be read or written' },
  'repository-missing': { exitCode: 10, httpStatus: 404, meaning: 'there is no repository at that place' },
  'repository-exists': { exitCode: 1, httpStatus: 409, meaning: 'there is a repository at that place already' },
  'repository-locked': { exitCode: 11, httpStatus: 423, meaning: 'another process holds a lock that excludes this operation' },
  'repository-unsupported': { exitCode: 1, httpStatus: 422, meaning: 'the repository has a format version that is not known here' },
  'wrong-password': { exitCode: 12, httpStatus: 401, meaning: 'no key of the repository opens with that password' },
  'not-found': { exitCode: 1, httpStatus: 404, meaning: 'the snapshot, file or object asked for is not in the repository' },
  ambiguous: { exitCode: 1, httpStatus: 409, meaning: 'an abbreviated id matches more than one object' },
  damaged: { exitCode: 1, httpStatus: 500, meaning: 'a file of the repository is not what it must be' },
  'check-failed': { exitCode: 1, httpStatus: 500, meaning: 'the check found errors in the repository' },
  'verify-failed': { exitCode: 1, httpStatus: 500, meaning: 'what was restored or copied differs when it is read back' },
  'preflight-failed': { exitCode: 1, httpStatus: 502, meaning: 'a place is not fit for a repository as it is' },
  'fallback-pending': {
    exitCode: 4,
    httpStatus: 202,
    meaning: 'the backup is complete, but snapshots in the fallback repository are still to be copied into the first one',
  },
  'storage-missing': { exitCode: 1, httpStatus: 404, meaning: 'a file that should be in the storage is not there' },
  'storage-full': { exitCode: 1, httpStatus: 507, meaning: 'the storage has no room left' },
  'storage-denied': { exitCode: 1, httpStatus: 403, meaning: 'the storage may not be read or written with these rights' },
  'token-refused': {
    exitCode: 1,
    httpStatus: 502,
    meaning: 'the service of a storage refuses to renew the access: somebody has to log in again',
  },
  'storage-failed': { exitCode: 1, httpStatus: 502, meaning: 'the storage reported an input or output error' },
  unsupported: { exitCode: 1, httpStatus: 501, meaning: 'this machine or storage cannot do what was asked' },
  cancelled: { exitCode: 130, httpStatus: 499, meaning: 'the operation was cancelled by a signal or by its caller' },
  internal: { exitCode: 1, httpStatus: 500, meaning: 'a defect in Holdfast; please report it' },
} as const satisfies Record<string, { exitCode: number; httpStatus: number; meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  /** What the person can do next, as a full sentence. */
  readonly hint?: string;
  /** Which file, snapshot, option...: plain values that can be printed. Never a secret. */
  readonly context?: Readonly<Record<string, string | number | boolean>>;
  readonly cause?: unknown;
  /** True where the same call may succeed when tried again. */
  readonly isRetryable?: boolean;
}

/** Every failure that Holdfast reports. `message` is a lowercase statement of fact. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly context: Readonly<Record<string, string | number | boolean>>;
  readonly isRetryable: boolean;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.context = details.context ?? {};
    this.isRetryable = details.isRetryable ?? false;
  }

  get exitCode(): number {
    return errorCodes[this.code].exitCode;
  }
}

/** A HoldfastError as plain data: it crosses threads and goes into JSON. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly context: Readonly<Record<string, string | number | boolean>>;
}

export function toErrorRecord(error: unknown): ErrorRecord {
  const known = asHoldfastError(error);
  return { code: known.code, message: known.message, context: known.context, ...(known.hint === undefined ? {} : { hint: known.hint }) };
}

export function fromErrorRecord(record: ErrorRecord): HoldfastError {
  return new HoldfastError(record.code, record.message, record);
}

/** Gives any thrown value the house's shape; errors of the operating system keep their code in the context. */
export function asHoldfastError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  if (!(error instanceof Error)) return new HoldfastError('internal', `a value that is no error was thrown: ${String(error)}`);
  if (error.name === 'AbortError') return new HoldfastError('cancelled', 'the operation was cancelled', { cause: error });
  const system = error as NodeJS.ErrnoException;
  if (typeof system.code === 'string' && typeof system.syscall === 'string') return fromSystemError(system);
  return new HoldfastError('internal', error.message, { cause: error });
}

function fromSystemError(error: NodeJS.ErrnoException): HoldfastError {
  const errno = error.code ?? 'EIO';
  const context: Record<string, string> = { errno };
  if (error.path !== undefined) context['path'] = error.path;
  const where = error.path === undefined ? '' : ` ${error.path}`;
  return new HoldfastError(systemErrorCode(errno), `${error.syscall ?? 'system call'}${where} failed: ${errno}`, {
    cause: error,
    context,
    ...systemErrorHint(errno),
  });
}

/** The code of the table for an error name of the operating system, as met on storage. */
export function systemErrorCode(errno: string): ErrorCode {
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return 'storage-full';
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') return 'storage-denied';
  if (errno === 'ENOENT') return 'storage-missing';
  return 'storage-failed';
}

function systemErrorHint(errno: string): { hint?: string } {
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return { hint: 'Free some room there, then run the command again: finished work is kept.' };
  if (errno === 'EROFS') return { hint: 'The file system is mounted read-only.' };
  if (errno === 'EACCES' || errno === 'EPERM') return { hint: 'Run as a user who may access it, or change its permissions.' };
  return {};
}
