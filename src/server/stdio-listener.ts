/** The one client on standard input and output: HTTP/2 without TLS, as a forced command of sshd or another program starts it. */
import { createServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2';
import { Duplex, type Readable, type Writable } from 'node:stream';
import type { Exchange } from './exchange.ts';

export interface StdioListenerOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly onExchange: (exchange: Exchange) => void;
}

/** As in the client: more than a link of 100 ms and 1 Gbit/s holds. */
const streamWindowBytes = 4 << 20;
const sessionWindowBytes = 32 << 20;
/** In MB. */
const maxSessionMemoryMb = 128;
const maxStreams = 128;
const maxHeadBytes = 16 << 10;

export class StdioListener {
  #session: ServerHttp2Session | undefined;
  readonly #ended: Promise<void>;
  readonly #stream: Duplex;

  constructor({ input, output, onExchange }: StdioListenerOptions) {
    const server = createServer({
      maxSessionMemory: maxSessionMemoryMb,
      settings: {
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams: maxStreams,
        maxHeaderListSize: maxHeadBytes,
        enablePush: false,
      },
    });
    server.on('session', (session) => {
      session.setLocalWindowSize(sessionWindowBytes);
      session.on('error', () => {});
      this.#session = session;
    });
    server.on('request', (request, response) => onExchange(exchangeOf(request, response, false)));
    server.on('checkContinue', (request, response) => onExchange(exchangeOf(request, response, true)));
    const stream = Duplex.from({ readable: input, writable: output });
    this.#stream = stream;
    this.#ended = new Promise((resolve) => stream.once('close', resolve));
    stream.on('error', () => {});
    // The client has gone: nobody is left to answer to.
    input.on('end', () => stream.destroy());
    server.emit('connection', stream);
  }

  /** Resolves when the client has gone. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** The client is told to make no more requests; those under way go on. */
  stop(): void {
    this.#session?.close();
  }

  cut(): void {
    this.#stream.destroy();
  }
}

function exchangeOf(request: Http2ServerRequest, response: Http2ServerResponse, awaitsContinue: boolean): Exchange {
  return {
    request,
    response,
    awaitsContinue,
    peer: 'stdio',
    certificateName: undefined,
    transferred: { received: 0, sent: 0 },
    // There are no other clients that a slow one could harm, and sshd ends a connection that is dead.
    watchTransfer: () => ({ [Symbol.dispose]: () => {} }),
  };
}
