/** What a location of the kind `rest:` says: where requests go, and with which name and password. */
import { HoldfastError } from '../../base/errors.ts';

export interface RestAddress {
  readonly isSecure: boolean;
  readonly hostname: string;
  /** Undefined for the usual one. */
  readonly port: string | undefined;
  /** Path of a Unix socket; the host counts for nothing then. */
  readonly socketPath: string | undefined;
  /** Of the repository: begins and ends with a slash, encoded as requests need it. */
  readonly path: string;
  readonly username: string;
  readonly password: string;
  /** For people: without name and password. */
  readonly printable: string;
}

/** @param text what follows `rest:`. @throws HoldfastError `usage`, without repeating the text */
export function parseRestAddress(text: string): RestAddress {
  const unix = /^(https?)\+unix:\/\/(\/[^:]*):(\/.*)?$/i.exec(text);
  if (unix !== null) return unixAddress(unix[1] ?? '', unix[2] ?? '', unix[3] ?? '/');
  const url = parseUrl(text);
  const port = url.port === '' ? undefined : url.port;
  const path = withSlash(url.pathname);
  return {
    isSecure: url.protocol === 'https:',
    // An address of IPv6 is in brackets in URLs, and nowhere else.
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    socketPath: undefined,
    path,
    username: decode(url.username),
    password: decode(url.password),
    printable: `rest:${url.protocol}//${url.host}${path}`,
  };
}

function unixAddress(scheme: string, socketPath: string, path: string): RestAddress {
  const isSecure = scheme.toLowerCase() === 'https';
  const fixed = withSlash(parseUrl(`http://socket${path}`).pathname);
  const printable = `rest:${scheme.toLowerCase()}+unix://${socketPath}:${fixed}`;
  return { isSecure, hostname: 'localhost', port: undefined, socketPath, path: fixed, username: '', password: '', printable };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '' && url.search === '') return url;
  throw new HoldfastError('usage', 'the location of the repository is not a usable address of a REST server', {
    hint: 'Write it as rest:https://host:port/path/, and special characters of a password as %40 and the like.',
  });
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
