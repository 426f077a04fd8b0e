/** Requests to a server of ours, exactly as they are written: also those that no client makes. */
import { createHash } from 'node:crypto';
import { request as startRequest } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** As in `name:password`. */
  readonly user?: string;
}

export async function ask(port: number, { method, path, headers = {}, body, user }: RawRequest): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const own = {
    ...(user === undefined ? {} : { Authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
    ...(body === undefined ? {} : { 'Content-Length': String(body.length) }),
  };
  const outgoing = startRequest({ host: '127.0.0.1', port, method, path, headers: { ...own, ...headers }, agent: false }, (response) => {
    const pieces: Buffer[] = [];
    response.on('data', (piece: Buffer) => pieces.push(piece));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }));
    response.on('error', reject);
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return await promise;
}

/** Text on a socket, byte by byte as it is. */
export async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return socket;
}

/** What comes until the other side closes. */
export async function readToEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (piece: Buffer) => (text += piece.toString('latin1')));
  socket.resume();
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return text;
}

export function idOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
