/** The stream to a host's SSH port: a TCP connection, or the input and output of a ProxyCommand. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { HoldfastError } from '../../../base/errors.ts';
import { connectionError, describeHost } from './ssh-errors.ts';
import { unusableConfig } from './ssh-config-lines.ts';
import type { SshSettings } from './ssh-settings.ts';

/** Until somebody answers; a way that is longer than half a minute is none. */
const usualConnectTimeoutMs = 30_000;
/** Finds out that the other machine is gone, and keeps what stands between from forgetting the connection. */
const keepAliveMs = 30_000;

export interface Endpoint {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

/** A stream, and whether the process lives on for its sake: not where nothing is under way on it. */
export interface Carrier {
  readonly stream: Duplex;
  hold(isHeld: boolean): void;
}

/** @throws HoldfastError `storage-failed` */
export async function openCarrier(settings: SshSettings): Promise<Carrier> {
  const { proxyCommand } = settings;
  return proxyCommand === undefined ? await openSocket(settings) : startProxy(proxyCommand, describeHost(settings));
}

/** `user@host:port` or `ssh://user@host:port`, as in ProxyJump. @throws HoldfastError `usage` */
export function parseJump(text: string): Endpoint {
  const bare = text.trim().replace(/^ssh:\/\//, '');
  const [, user, bracketed, plain, port] = /^(?:(.+)@)?(?:\[([^\]]+)\]|([^:@[\]]+))(?::(\d{1,5}))?$/.exec(bare) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || /^-|['"`$\\;&<>|(){},\s\p{Cc}]/u.test(host)) throw unusableConfig('ProxyJump', 'it names no usable host');
  return { host, user, port: port === undefined ? undefined : Number(port) };
}

async function openSocket(settings: SshSettings): Promise<Carrier> {
  const { host, port, addressFamily, connectTimeoutMs = usualConnectTimeoutMs } = settings;
  const what = `connecting to ${describeHost(settings)}`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Without noDelay each of many small packets waits for an answer: a hundredth of the speed.
  const socket = connect({ host, port, family: addressFamily, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs });
  // It stays for as long as the socket lives: an error that nobody listens to would end the process.
  socket.on('error', reject);
  socket.once('connect', resolve);
  const timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })), connectTimeoutMs);
  try {
    await promise;
    return { stream: socket, hold: (isHeld) => holdAll([socket], isHeld) };
  } catch (error) {
    socket.destroy();
    throw connectionError(what, error);
  } finally {
    clearTimeout(timer);
  }
}

/** As ssh: a shell runs it, and becomes it. What it says on stderr is shown. */
function startProxy(command: string, host: string): Carrier {
  const child = spawn(`exec ${command}`, { shell: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  child.on('error', (error) => stream.destroy(connectionError(`starting the ProxyCommand for ${host}`, error)));
  child.on('exit', (code) => {
    if (code !== 0 && code !== null) {
      stream.destroy(
        new HoldfastError('storage-failed', `the ProxyCommand for ${host} ended with exit code ${code}`, { isRetryable: true }),
      );
    }
  });
  stream.on('error', () => {});
  stream.on('close', () => child.kill());
  return { stream, hold: (isHeld) => holdAll([child, child.stdin, child.stdout], isHeld) };
}

/** Sockets, pipes and programs keep a process alive until they are told not to. */
export function holdAll(parts: readonly object[], isHeld: boolean): void {
  for (const part of parts) {
    const { ref, unref } = part as { ref?: () => void; unref?: () => void };
    (isHeld ? ref : unref)?.call(part);
  }
}
