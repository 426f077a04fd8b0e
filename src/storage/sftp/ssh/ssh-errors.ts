/** What can go wrong on the way to a logged-in connection, in the words of the backend contract. */
import { HoldfastError } from '../../../base/errors.ts';
import type { SshSettings } from './ssh-settings.ts';

/** ssh2 marks its errors with the part that failed; a socket's have the code of the system. */
interface SshError extends Error {
  readonly level?: string;
  readonly code?: string | number;
}

const lastingErrors = /^(?:ENOTFOUND|EACCES|EPERM|EINVAL)$/;
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ECONNRESET: 'the connection broke off (ECONNRESET)',
  EPIPE: 'the connection broke off (EPIPE)',
  ENOTFOUND: 'the name of the host is not known (ENOTFOUND)',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment (EAI_AGAIN)',
  ETIMEDOUT: 'nobody answers there (ETIMEDOUT)',
};
/** What a server says that had enough of keys that are not the right ones; the number is that of a protocol error. */
const tooManyKeys = /too many authentication failures/i;

/** `me@host port 22` */
export function describeHost({ user, host, port }: Pick<SshSettings, 'user' | 'host' | 'port'>): string {
  return `${user}@${host} port ${port}`;
}

/** @param report what the key ring tells of the keys that were tried */
export function loginError(settings: SshSettings, thrown: unknown, report: string): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as SshError;
  if (error.level === 'client-authentication') return keyError(settings, 'takes none of the keys', report, error);
  if (tooManyKeys.test(error.message)) return keyError(settings, 'broke off after too many keys', report, error);
  if (error.level === 'handshake') return handshakeError(settings, error);
  return connectionError(`connecting to ${describeHost(settings)}`, error);
}

/** A failure of the network or of the other side that may pass. */
export function connectionError(what: string, thrown: unknown): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as SshError;
  const code = typeof error.code === 'string' ? error.code : '';
  return new HoldfastError('storage-failed', `${what} failed: ${reasons[code] ?? (code || oneLine(error.message))}`, {
    ...(code === 'ENOTFOUND' || code === 'ECONNREFUSED' ? { hint: 'Check the host and the port, and that the SSH server runs.' } : {}),
    ...(code === '' ? {} : { context: { errno: code } }),
    cause: error,
    isRetryable: !lastingErrors.test(code),
  });
}

export function brokenConnection(location: string, cause: unknown): HoldfastError {
  const reason = cause instanceof Error ? `: ${reasons[(cause as SshError).code ?? ''] ?? oneLine(cause.message)}` : '';
  return new HoldfastError('storage-failed', `the connection to ${location} broke off${reason}`, {
    context: { isUnreachable: true },
    cause,
    isRetryable: true,
  });
}

function keyError(settings: SshSettings, fact: string, report: string, cause: Error): HoldfastError {
  return new HoldfastError('storage-denied', `the SSH server ${describeHost(settings)} ${fact} (${report})`, {
    hint: 'Have your public key put into authorized_keys there (ssh-copy-id), or name the right key with IdentityFile in ~/.ssh/config; one with a passphrase needs ssh-agent, a terminal, or HOLDFAST_SFTP_PASSPHRASE_FILE.',
    cause,
  });
}

function handshakeError(settings: SshSettings, cause: Error): HoldfastError {
  const isAboutAlgorithms = /no matching/i.test(cause.message);
  return new HoldfastError(
    isAboutAlgorithms ? 'unsupported' : 'storage-failed',
    `the SSH server ${describeHost(settings)} and this side find no common way to talk: ${oneLine(cause.message)}`,
    {
      ...(isAboutAlgorithms ? { hint: 'Use the ssh program of the system instead: -o sftp.command="ssh HOST -s sftp".' } : {}),
      cause,
      isRetryable: !isAboutAlgorithms,
    },
  );
}

/** A server chooses these words: they must not fill or steer a terminal. */
export function oneLine(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, 300);
}
