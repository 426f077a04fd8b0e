/**
 * What follows `sftp:` in a location, in restic's two ways: `user@host:path` and `//user@host:port/path`. A path is relative to the user's home
 * on the server unless it begins with `/`; in the second way that takes two: `//host//srv/repo`.
 */
import { posix } from 'node:path';
import { HoldfastError } from '../../base/errors.ts';

export interface SftpAddress {
  /** Undefined where the configuration of ssh, or else the name of this machine's user, decides. */
  readonly user: string | undefined;
  /** Name or alias, as ssh takes it; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Without a slash at its end. */
  readonly path: string;
  /** For people. */
  readonly printable: string;
}

/** Names become arguments of programs and parts of commands (ProxyCommand): the rules are those of OpenSSH's own ssh. */
const notInHosts = /^-|['"`$\\;&<>|(){},\s\p{Cc}]/u;
const notInUsers = /^-|['"`;&<>|(){}\s\p{Cc}]|\\$/u;
const maxPort = 65_535;

/** @throws HoldfastError `usage`; nothing of the text is repeated, for somebody may have put a password into it */
export function parseSftpAddress(text: string): SftpAddress {
  const parts = text.startsWith('//') ? partsOfUrl(text.slice(2)) : partsOfShortForm(text);
  const { user, host, port } = parts;
  if (host === '' || notInHosts.test(host)) throw unusable('it names no usable host');
  if (user !== undefined && (user === '' || notInUsers.test(user))) throw unusable('it names no usable user');
  if (parts.path.startsWith('~'))
    throw unusable('the path begins with ~, which servers do not know', 'Leave ~/ out: a path without / at its front begins there.');
  const path = posix.normalize(parts.path).replace(/(?<=.)\/$/, '');
  return { user, host, port, path, printable: print(user, host, port, path) };
}

interface Parts {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  readonly path: string;
}

function partsOfShortForm(text: string): Parts {
  const [, user, bracketed, plain, path] = /^(?:([^:[]*)@)?(?:\[([^\]]*)\]|([^:@[]*)):(.*)$/s.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || path === undefined) throw unusable('there is no colon between host and path');
  if (/^[^/]*@[^/]*:/.test(path)) throw passwordInside();
  return { user, host, port: undefined, path };
}

function partsOfUrl(text: string): Parts {
  const slash = text.indexOf('/');
  if (slash === -1) throw unusable('there is no path behind the host');
  const path = text.slice(slash + 1);
  if (/[?#]/.test(path)) throw unusable('the path contains ? or #', 'Write them as %3F and %23.');
  const [, user, bracketed, plain, port] = /^(?:(.*)@)?(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/s.exec(text.slice(0, slash)) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw unusable('it names no usable host');
  if (user?.includes(':') === true) throw passwordInside();
  return { user: user === undefined ? undefined : decode(user), host, port: readPort(port), path: decode(path) };
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (port >= 1 && port <= maxPort) return port;
  throw unusable('the port is no number from 1 to 65535');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable('a % in it begins no code of a character', 'Write the sign % itself as %25.');
  }
}

function print(user: string | undefined, host: string, port: number | undefined, path: string): string {
  const name = host.includes(':') ? `[${host}]` : host;
  const whole = user === undefined ? name : `${user}@${name}`;
  return port === undefined ? `sftp:${whole}:${path}` : `sftp://${whole}:${port}/${path}`;
}

function passwordInside(): HoldfastError {
  return unusable(
    'it seems to hold a password',
    'Use a key (ssh-keygen, ssh-copy-id); what has a port is written as sftp://user@host:port/path.',
  );
}

function unusable(fact: string, hint = 'Write it as sftp:user@host:path or sftp://user@host:port/path.'): HoldfastError {
  return new HoldfastError('usage', `the location of the repository is not a usable address for sftp: ${fact}`, { hint });
}
