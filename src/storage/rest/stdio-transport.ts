/**
 * The REST protocol over the standard input and output of a program: HTTP/2 without TLS, many requests at once over the one pipe, as
 * `rclone serve restic --stdio` and `holdfast serve --stdio` speak it. The program starts with the first request, and again with the
 * first one after it ended.
 */
import { createReadStream } from 'node:fs';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { cancellationOf, throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { Pace, TransferPaces } from '../pace.ts';
import { pacedAnswer, pacedBody } from '../paced-body.ts';
import { RequestTurns } from '../request-turns.ts';
import { networkError, stalledError } from '../http-errors.ts';
import { protocolVersion2, type RestAnswer, type RestRequest, type RestTransport } from './rest-transport.ts';
import { ProgramEnded, type ProgramSpec, StdioProgram } from '../stdio-program.ts';

export interface StdioTransportOptions {
  readonly program: ProgramSpec;
  /** Of the repository on the other side: begins and ends with a slash. */
  readonly path: string;
  /** Of the repository, for people. */
  readonly location: string;
  /** Requests at once; those that are urgent come on top. */
  readonly connections: number;
  /** After so long without a byte in either direction a request has failed. */
  readonly stallMs: number;
  readonly paces?: TransferPaces | undefined;
}

/** What may be under way of one answer, and of all: more than a link of 100 ms and 1 Gbit/s holds. */
const streamWindowBytes = 4 << 20;
const sessionWindowBytes = 32 << 20;
/** Beyond what the window lets come, in MB: Node closes a session that holds more. */
const maxSessionMemoryMb = 128;
const pieceBytes = 256 << 10;

interface Connection {
  readonly program: StdioProgram;
  readonly session: ClientHttp2Session;
}

export class StdioTransport implements RestTransport {
  readonly #options: StdioTransportOptions;
  readonly #turns: RequestTurns;
  #connection: Connection | undefined;
  #isClosed = false;

  constructor(options: StdioTransportOptions) {
    this.#options = options;
    this.#turns = new RequestTurns(options.connections);
  }

  async ask(request: RestRequest): Promise<RestAnswer> {
    throwIfCancelled(request.signal);
    const giveBack = request.isUrgent === true ? () => {} : await this.#turns.take(request.signal);
    try {
      const stream = this.#begin(request);
      stream.on('close', giveBack);
      const { upload, download } = this.#options.paces ?? {};
      return pacedAnswer(await answerTo(stream, request, upload), download);
    } catch (error) {
      giveBack();
      throw this.inWords(request, error);
    }
  }

  inWords({ what, signal }: Pick<RestRequest, 'what' | 'signal'>, error: unknown): HoldfastError {
    if (signal?.aborted === true) return cancellationOf(signal);
    if (error instanceof HoldfastError) return error;
    const reason = error instanceof Error && error.cause instanceof ProgramEnded ? error.cause : error;
    if (reason instanceof ProgramEnded) return endedError(what, reason);
    const failure = Object.assign(new Error('the connection broke off', { cause: error }), { code: 'ECONNRESET' });
    return networkError(what, this.#options.location, failure);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    connection.session.destroy();
    await connection.program.stop();
  }

  #begin({ method, path, headers = {}, body, what, signal }: RestRequest): ClientHttp2Stream {
    const { location, stallMs } = this.#options;
    const connection = this.#connected();
    const head: OutgoingHttpHeaders = {
      ':method': method,
      ':path': this.#options.path + path,
      accept: protocolVersion2,
      ...headers,
      ...bodyHeaders(body),
    };
    const stream = connection.session.request(head, { endStream: body === undefined, ...(signal === undefined ? {} : { signal }) });
    stream.setTimeout(stallMs, () => {
      stream.destroy(stalledError(what, location, stallMs));
      // A program that hangs would hang with the next request, too.
      this.#drop(connection);
    });
    return stream;
  }

  #connected(): Connection {
    const current = this.#connection;
    if (this.#isClosed) throw new HoldfastError('internal', `${this.#options.location} was closed`);
    if (current !== undefined && !current.session.closed && !current.session.destroyed) return current;
    if (current !== undefined) void current.program.stop();
    const program = new StdioProgram(this.#options.program);
    const session = connect('http://localhost', {
      createConnection: () => program.stream,
      maxSessionMemory: maxSessionMemoryMb,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    });
    session.on('connect', () => session.setLocalWindowSize(sessionWindowBytes));
    // Every request that was under way hears of it.
    session.on('error', () => {});
    const connection = { program, session };
    this.#connection = connection;
    return connection;
  }

  #drop(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined;
    connection.session.destroy();
    connection.program.kill();
  }
}

function endedError(what: string, { meaning }: ProgramEnded): HoldfastError {
  const { code, fact, hint, isRetryable = false, isUnreachable = isRetryable } = meaning;
  return new HoldfastError(code, `${what} failed: ${fact}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(isUnreachable ? { context: { isUnreachable } } : {}),
    isRetryable,
  });
}

function bodyHeaders(body: RestRequest['body']): OutgoingHttpHeaders {
  if (body === undefined) return {};
  const length = body instanceof Uint8Array ? body.length : body.sizeBytes;
  return { 'content-type': 'application/octet-stream', 'content-length': length };
}

function answerTo(stream: ClientHttp2Stream, { body }: RestRequest, pace: Pace | undefined): Promise<RestAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RestAnswer>();
  const stopSending = sendBody(stream, body, pace);
  // Whoever reads the body hears of a later one.
  stream.on('error', (error) => {
    stopSending();
    reject(error);
  });
  stream.on('close', () => {
    stopSending();
    reject(new Error('the request was closed without an answer'));
  });
  stream.on('response', (headers) => {
    // An answer before the whole body: the server wants no more of it.
    stopSending();
    resolve(answerOf(stream, headers));
  });
  return promise;
}

/**
 * What carries the body counts as closed as soon as its last frame has come, whether or not somebody has read it, and then refuses to be
 * iterated. So the pieces are taken over at once, as many as fit; what nobody reads holds the sender back.
 */
/** Node throws away what nobody has begun to read when a stream of HTTP/2 ends: it is read from the first moment on. */
function answerOf(stream: ClientHttp2Stream, headers: IncomingHttpHeaders): RestAnswer {
  const body = pipeline(stream, new PassThrough({ highWaterMark: pieceBytes }), () => {});
  return {
    statusCode: Number(headers[':status']),
    headers,
    get readableEnded() {
      return body.readableEnded;
    },
    destroy: () => body.destroy(),
    [Symbol.asyncIterator]: () => body[Symbol.asyncIterator]() as AsyncIterator<Buffer>,
  };
}

/** @returns stops sending */
function sendBody(stream: ClientHttp2Stream, body: RestRequest['body'], pace: Pace | undefined): () => void {
  const source = body === undefined || pace === undefined ? body : pacedBody(body, pace);
  if (source === undefined) return () => {};
  if (source instanceof Uint8Array) {
    stream.end(source);
    return () => {};
  }
  const pieces = source instanceof Readable ? source : createReadStream(source.path, { highWaterMark: pieceBytes });
  pieces.on('error', (error: Error) => stream.destroy(error));
  pieces.pipe(stream);
  return () => {
    if (pieces.readableEnded) return;
    pieces.unpipe(stream);
    pieces.destroy();
    stream.end();
  };
}
