/** What the answers of a REST server mean, in the words of the backend contract. */
import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http';
import { type ErrorCode, HoldfastError } from '../../base/errors.ts';
import { readRetryAfter } from '../http-errors.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly fact: string;
  readonly hint?: string;
  readonly isRetryable?: boolean;
}

const meanings: Readonly<Record<number, Meaning>> = {
  400: { code: 'storage-failed', fact: 'took the request for broken, or the content did not arrive as it was sent', isRetryable: true },
  401: {
    code: 'storage-denied',
    fact: 'does not accept the user name and password',
    hint: 'Give them in the location, as rest:https://user:password@host/, or in HOLDFAST_REST_USERNAME and HOLDFAST_REST_PASSWORD.',
  },
  403: {
    code: 'storage-denied',
    fact: 'does not allow it',
    hint: 'The server may be append-only, or the repository another user’s: ask who runs it.',
  },
  404: { code: 'storage-missing', fact: 'does not have it' },
  405: { code: 'unsupported', fact: 'does not know this kind of request', hint: 'Check that the address is that of a restic REST server.' },
  408: { code: 'storage-failed', fact: 'waited too long for the request', isRetryable: true },
  413: {
    code: 'storage-full',
    fact: 'does not take so large a file',
    hint: 'The server or a proxy before it limits the size of uploads, or the room of the repository: have that raised, or use a smaller --pack-size.',
  },
  429: { code: 'storage-failed', fact: 'has too many requests', isRetryable: true },
  501: { code: 'unsupported', fact: 'does not know this kind of request', hint: 'Check that the address is that of a restic REST server.' },
  507: {
    code: 'storage-full',
    fact: 'has no room left for the repository',
    hint: 'Have room made or the quota raised, then run it again: finished work is kept.',
  },
};

/** @param what the call, as in `saving pack 1f3a…` @param said why, in the words of the server, where it gave a reason */
export function statusError(what: string, location: string, status: number, headers: IncomingHttpHeaders, said = ''): HoldfastError {
  const meaning = meanings[status] ?? unusual(status);
  const { code, fact, hint, isRetryable = false } = meaning;
  const retryAfterMs = readRetryAfter(headers['retry-after']);
  return new HoldfastError(
    code,
    `${what} failed: the server at ${location} ${fact} (HTTP ${status})${reasonIn(said || reasonHeader(headers), status)}`,
    {
      ...(hint === undefined ? {} : { hint }),
      context: { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
      isRetryable,
    },
  );
}

/** Holdfast's own server says it here, too: there may be no body, or it may get lost. */
function reasonHeader(headers: IncomingHttpHeaders): string {
  const text = headers['holdfast-reason'];
  return typeof text === 'string' && /^[ -~]{1,400}$/.test(text) ? text : '';
}

/** Most servers only repeat the status in words. */
function reasonIn(said: string, status: number): string {
  const isMore = said !== '' && !said.toLowerCase().includes((STATUS_CODES[status] ?? '').toLowerCase());
  return isMore ? `: ${said}` : '';
}

function unusual(status: number): Meaning {
  if (status >= 500) return { code: 'storage-failed', fact: 'failed itself', isRetryable: true };
  const hint = 'Check that the address is that of a restic REST server.';
  if (status >= 300 && status < 400)
    return { code: 'storage-failed', fact: 'sends to another address', hint: 'Name that address as the location.' };
  return { code: 'storage-failed', fact: 'gave an answer that was not expected', hint };
}
