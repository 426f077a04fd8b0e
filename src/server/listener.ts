/** One socket that is listened at, with HTTP/1.1 on it, in the clear or over TLS. */
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps, type Server as SecureServer } from 'node:https';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { HoldfastError } from '../base/errors.ts';
import type { Exchange } from './exchange.ts';
import { describeAddress, type ListenAddress } from './listen-address.ts';
import type { TransferWatch } from './transfer-watch.ts';

export interface TlsFiles {
  /** PEM, the server's certificate first, then those in between. */
  readonly certificate: string;
  readonly key: string;
  /** PEM: of the authorities whose client certificates count. Without them nobody is asked for one. */
  readonly clientAuthorities?: string | undefined;
}

export interface ListenerOptions {
  readonly address: ListenAddress;
  /** Undefined: in the clear. */
  readonly tls: TlsFiles | undefined;
  readonly maxConnections: number;
  readonly watch: TransferWatch;
  /** The head of a request, and the handshake of TLS, must be there after so long; 20 s unless told. */
  readonly headMs?: number | undefined;
  readonly onExchange: (exchange: Exchange) => void;
  readonly onConnections: (change: 1 | -1) => void;
}

const defaultHeadMs = 20_000;
/** How often it is looked whether a head is late, as a part of the time that it has. */
const looksPerHead = 4;
/** A client that makes many requests keeps its connection for so long without one. */
const idleMs = 75_000;
/** Nothing at all on a connection, also while the server works. A transfer is watched more closely. */
const silentMs = 15 * 60_000;
const lookForIdleMs = 50;
const maxHeadBytes = 16 << 10;
const maxHeaders = 100;
/** The socket's owner alone: whoever shall come, too, is let in by the folder's group and `chmod`. */
const socketMode = 0o600;

export class Listener {
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #sockets = new Set<Socket>();
  /** Requests under way on each connection; one that has not made any is here, too. */
  readonly #requests = new Map<Socket, number>();
  #description = '';

  /** @throws HoldfastError `usage` where it is not possible to listen there */
  static async start(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    await listener.#listen();
    return listener;
  }

  private constructor(options: ListenerOptions) {
    this.#options = options;
    const { headMs = defaultHeadMs } = options;
    const limits = {
      maxHeaderSize: maxHeadBytes,
      headersTimeout: headMs,
      // A body may take as long as its link needs, as long as it moves.
      requestTimeout: 0,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: headMs / looksPerHead,
    };
    const { tls } = options;
    this.#server = tls === undefined ? createHttp(limits) : createHttps({ ...limits, ...tlsOptions(tls), handshakeTimeout: headMs });
    this.#server.maxConnections = options.maxConnections;
    this.#server.maxHeadersCount = maxHeaders;
    this.#server.timeout = silentMs;
    this.#observe();
  }

  /** As in `https://127.0.0.1:8000`, with the port that was given by the system where none was asked for. */
  get description(): string {
    return this.#description;
  }

  /** Renewed certificates, for connections that come from now on. */
  replaceTls(tls: TlsFiles): void {
    if (this.#options.tls !== undefined) (this.#server as SecureServer).setSecureContext(tlsOptions(tls));
  }

  /** No new connections, and none that is idle. @returns resolves when the last one has ended */
  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    // Node leaves those alone that have not made a request yet, and those whose last one ends only now.
    const closeIdle = (): void => {
      for (const [socket, count] of this.#requests) if (count === 0) socket.destroy();
    };
    closeIdle();
    const timer = setInterval(closeIdle, lookForIdleMs);
    await closed;
    clearInterval(timer);
  }

  /** Whoever is still there is cut off. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #observe(): void {
    const server = this.#server;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      this.#options.onConnections(1);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#options.onConnections(-1);
      });
    });
    server.on(this.#options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#requests.set(socket, 0);
      socket.once('close', () => this.#requests.delete(socket));
    });
    const serve = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void => {
      const { socket } = request;
      const count = (change: 1 | -1): void => {
        const running = this.#requests.get(socket);
        if (running !== undefined) this.#requests.set(socket, running + change);
      };
      count(1);
      response.once('close', () => count(-1));
      this.#options.onExchange(this.#exchangeOf(request, response, awaitsContinue));
    };
    server.on('request', (request, response) => serve(request, response, false));
    server.on('checkContinue', (request, response) => serve(request, response, true));
    server.on('tlsClientError', (_error, socket: Socket) => void socket.destroy());
  }

  #exchangeOf(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): Exchange {
    const { socket } = request;
    return {
      request,
      response,
      awaitsContinue,
      peer: socket.remoteAddress ?? 'unix',
      certificateName: certificateName(socket),
      transferred: { received: 0, sent: 0 },
      watchTransfer: () => this.#options.watch.guard(socket),
    };
  }

  async #listen(): Promise<void> {
    const { address, tls } = this.#options;
    if (address.kind === 'unix') await removeStaleSocket(address.path);
    try {
      if (address.kind === 'unix') this.#server.listen(address.path);
      else this.#server.listen({ port: address.port, ...(address.host === undefined ? {} : { host: address.host }) });
      await once(this.#server, 'listening');
    } catch (error) {
      throw listenFailure(describeAddress(address, tls !== undefined), error);
    }
    if (address.kind === 'unix') await chmod(address.path, socketMode);
    const bound = this.#server.address();
    const actual = address.kind === 'tcp' && typeof bound === 'object' && bound !== null ? { ...address, port: bound.port } : address;
    this.#description = describeAddress(actual, tls !== undefined);
  }
}

function tlsOptions({ certificate, key, clientAuthorities }: TlsFiles) {
  return {
    cert: certificate,
    key,
    minVersion: 'TLSv1.2' as const,
    // Who shows none may still come with a password; who shows a strange one comes as if without.
    ...(clientAuthorities === undefined ? {} : { ca: clientAuthorities, requestCert: true, rejectUnauthorized: false }),
  };
}

function certificateName(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  // A certificate with several names is nobody's.
  return typeof name === 'string' ? name : undefined;
}

/** What a server that was killed left behind. @throws HoldfastError where another one answers, or where there is something else */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw listenFailure(`unix:${path}`, new Error('there is a file that is no socket'));
  const socket = connect(path);
  const answers = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  if (answers) throw listenFailure(`unix:${path}`, new Error('another server listens there'));
  await unlink(path);
}

function listenFailure(where: string, error: unknown): HoldfastError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const reason = reasons[code] ?? message;
  return new HoldfastError('usage', `it is not possible to listen at ${where}: ${reason}`, {
    hint: 'Choose another address with --listen, or end what listens there.',
    cause: error,
  });
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program does (EADDRINUSE)',
  EACCES: 'this user may not (EACCES)',
  EADDRNOTAVAIL: 'this machine does not have that address (EADDRNOTAVAIL)',
  ENOENT: 'its folder is not there (ENOENT)',
};
