/** What a server's answers and a network's failures mean, in the words of the backend contract. */
import type { IncomingHttpHeaders } from 'node:http';
import { type ErrorCode, HoldfastError } from '../../base/errors.ts';

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

/** @param what the call, as in `saving pack 1f3a…` */
export function statusError(what: string, location: string, status: number, headers: IncomingHttpHeaders): HoldfastError {
  const meaning = meanings[status] ?? unusual(status);
  const { code, fact, hint, isRetryable = false } = meaning;
  const retryAfterMs = readRetryAfter(headers['retry-after']);
  return new HoldfastError(code, `${what} failed: the server at ${location} ${fact} (HTTP ${status})`, {
    ...(hint === undefined ? {} : { hint }),
    context: { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    isRetryable,
  });
}

function unusual(status: number): Meaning {
  if (status >= 500) return { code: 'storage-failed', fact: 'failed itself', isRetryable: true };
  const hint = 'Check that the address is that of a restic REST server.';
  if (status >= 300 && status < 400)
    return { code: 'storage-failed', fact: 'sends to another address', hint: 'Name that address as the location.' };
  return { code: 'storage-failed', fact: 'gave an answer that was not expected', hint };
}

/** Seconds or a date (RFC 9110, "Retry-After"), as milliseconds from now. */
export function readRetryAfter(text: string | undefined, nowMs: number = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** Failures of names and certificates do not go away by themselves. */
const lastingErrors =
  /^(?:ENOTFOUND|ENOENT|EACCES|EPERM|CERT_|ERR_TLS|ERR_SSL|ERR_OSSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME|EPROTO|HPE_)/;
const certificateErrors = /^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;

export function networkError(what: string, location: string, error: Error): HoldfastError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const reason = reasons[code] ?? (certificateErrors.test(code) ? `its certificate is not trusted (${code})` : code || error.message);
  return new HoldfastError('storage-failed', `${what} failed: ${location}: ${reason}`, {
    ...networkHint(code),
    ...(code === '' ? {} : { context: { errno: code } }),
    cause: error,
    isRetryable: !lastingErrors.test(code),
  });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ECONNRESET: 'the connection broke off (ECONNRESET)',
  EPIPE: 'the connection broke off (EPIPE)',
  ENOTFOUND: 'the name of the host is not known (ENOTFOUND)',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment (EAI_AGAIN)',
  EPROTO: 'the two sides cannot agree on TLS (EPROTO)',
};

function networkHint(code: string): { hint?: string } {
  if (certificateErrors.test(code)) return { hint: 'Give the certificate of the authority that signed it with --cacert.' };
  if (code === 'EPROTO') return { hint: 'Check whether the server speaks https at this port.' };
  if (code === 'ENOTFOUND' || code === 'ECONNREFUSED') return { hint: 'Check the address and the port, and that the server runs.' };
  if (code.startsWith('HPE_')) return { hint: 'What answers there does not speak HTTP, or the server wants https.' };
  return {};
}

export function stalledError(what: string, location: string, stallMs: number): HoldfastError {
  return new HoldfastError(
    'storage-failed',
    `${what} failed: nothing came from or went to ${location} for ${Math.round(stallMs / 1000)} s`,
    {
      isRetryable: true,
    },
  );
}

export function cutError(what: string, location: string, wantedBytes: number, gotBytes: number): HoldfastError {
  return new HoldfastError('storage-failed', `${what} failed: ${location} sent ${gotBytes} of ${wantedBytes} bytes`, { isRetryable: true });
}
