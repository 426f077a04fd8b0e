/** Where a server listens, as a person writes it: `127.0.0.1:8000`, `[::1]:8000`, `:8000` for every address, `unix:/run/holdfast.sock`. */
import { isIP } from 'node:net';
import { HoldfastError } from '../base/errors.ts';

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** @throws HoldfastError `usage` */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:') && text.length > 'unix:'.length) return { kind: 'unix', path: text.slice('unix:'.length) };
  const [, bracketed, plain = '', port] = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) throw unusable(text);
  if (bracketed !== undefined && isIP(bracketed) !== 6) throw unusable(text);
  return { kind: 'tcp', host: (bracketed ?? plain) || undefined, port: Number(port) };
}

/** Only programs of this machine can come. */
export function isNearby(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true;
  return address.host !== undefined && (/^127\.\d+\.\d+\.\d+$/.test(address.host) || ['localhost', '::1'].includes(address.host));
}

export function describeAddress(address: ListenAddress, isSecure: boolean): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host === undefined ? '*' : isIP(address.host) === 6 ? `[${address.host}]` : address.host;
  return `${isSecure ? 'https' : 'http'}://${host}:${address.port}`;
}

function unusable(text: string): HoldfastError {
  return new HoldfastError('usage', `it is not possible to listen at ${JSON.stringify(text)}`, {
    hint: 'Give HOST:PORT, as in 127.0.0.1:8000 or [::1]:8000, :PORT for every address, or unix:/path/of/the.socket.',
  });
}
