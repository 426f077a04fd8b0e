/** What failures of a network mean, in the words of the backend contract: for every storage that is reached over HTTP. */
import { HoldfastError } from '../base/errors.ts';

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

/** @param what the call, as in `saving pack 1f3a…` */
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
      context: { isUnreachable: true },
      isRetryable: true,
    },
  );
}

export function cutError(what: string, location: string, wantedBytes: number, gotBytes: number): HoldfastError {
  return new HoldfastError('storage-failed', `${what} failed: ${location} sent ${gotBytes} of ${wantedBytes} bytes`, { isRetryable: true });
}
