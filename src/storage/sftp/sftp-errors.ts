/** What a server's refusals mean, in the words of the backend contract. */
import { type ErrorCode, HoldfastError } from '../../base/errors.ts';
import { isStatus, type Status } from './sftp-status.ts';
import { oneLine } from './ssh/ssh-errors.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly fact: string;
  readonly hint?: string;
  readonly isRetryable?: boolean;
}

const meanings: Readonly<Partial<Record<Status, Meaning>>> = {
  missing: { code: 'storage-missing', fact: 'there is no such file or folder' },
  denied: {
    code: 'storage-denied',
    fact: 'the server does not allow it',
    hint: 'Check who owns the folder there, and with which rights the user may write.',
  },
  // The server's word for whatever it has no other word for: also for an error of its disk, which may pass.
  failure: { code: 'storage-failed', fact: 'the server says "failure"', isRetryable: true },
  badMessage: { code: 'storage-failed', fact: 'the server does not take the request' },
  unsupported: { code: 'unsupported', fact: 'the server cannot do that' },
  lost: { code: 'storage-failed', fact: 'the server lost its connection', isRetryable: true },
  noConnection: { code: 'storage-failed', fact: 'the server has no connection', isRetryable: true },
};

/** @param what the call, as in `saving pack 1f3a…` */
export function requestError(what: string, location: string, error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return inContext(what, error);
  const status = (Object.keys(meanings) as Status[]).find((candidate) => isStatus(error, candidate));
  const meaning = status === undefined ? undefined : meanings[status];
  if (meaning === undefined) {
    const reason = error instanceof Error ? oneLine(error.message) : String(error);
    return new HoldfastError('storage-failed', `${what} failed: ${location}: ${reason}`, { cause: error, isRetryable: true });
  }
  const { code, fact, hint, isRetryable = false } = meaning;
  return new HoldfastError(code, `${what} failed: ${location}: ${fact}`, {
    ...(hint === undefined ? {} : { hint }),
    context: { status: status ?? '' },
    cause: error,
    isRetryable,
  });
}

/** A connection that broke says nothing of what was under way. */
function inContext(what: string, error: HoldfastError): HoldfastError {
  if (error.code !== 'storage-failed' || !error.isRetryable || error.message.startsWith(what)) return error;
  return new HoldfastError(error.code, `${what} failed: ${error.message}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    context: error.context,
    cause: error,
    isRetryable: true,
  });
}

export function fullError(what: string, location: string, cause: unknown): HoldfastError {
  return new HoldfastError('storage-full', `${what} failed: ${location} has no room left`, {
    hint: 'Free some room there, then run the command again: finished work is kept.',
    cause,
  });
}

export function stalledError(location: string, stallMs: number): HoldfastError {
  return new HoldfastError('storage-failed', `${location} gave no answer for ${Math.round(stallMs / 1000)} s`, {
    context: { isUnreachable: true },
    isRetryable: true,
  });
}
