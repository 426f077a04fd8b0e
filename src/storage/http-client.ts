/**
 * Requests over HTTP, for every storage that is reached in that way: few connections, kept open; bodies streamed; a stall and a fired
 * signal end a request.
 */
import { createReadStream } from 'node:fs';
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as startHttp } from 'node:http';
import { Agent as HttpsAgent, request as startHttps } from 'node:https';
import { Readable } from 'node:stream';
import { getCACertificates } from 'node:tls';
import { cancellationOf, throwIfCancelled } from '../base/cancellation.ts';
import { HoldfastError } from '../base/errors.ts';
import { networkError, stalledError } from './http-errors.ts';
import type { Pace, TransferPaces } from './pace.ts';
import { pacedAnswer, pacedBody } from './paced-body.ts';

export interface TlsSettings {
  /** Certificates of authorities, PEM: these alone are trusted. The system's and the usual ones unless told. */
  readonly authorities?: readonly string[];
  /** The client's own certificate and its key, PEM. */
  readonly clientCertificate?: string | undefined;
  /** Whoever answers is trusted. */
  readonly isUnverified: boolean;
}

export interface HttpClientOptions {
  /** For people: what is talked to. */
  readonly printable: string;
  readonly tls: TlsSettings;
  readonly connections: number;
  /** After so long without a byte in either direction a request has failed. */
  readonly stallMs: number;
  readonly paces?: TransferPaces | undefined;
}

export interface HttpOrigin {
  readonly isSecure: boolean;
  readonly hostname: string;
  /** Undefined for the usual one. */
  readonly port: string | undefined;
  /** Path of a Unix socket; the host counts for nothing then. */
  readonly socketPath?: string | undefined;
}

/** A staged file goes from the disk to the network piece by piece. */
export interface StagedBody {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface HttpRequest {
  readonly origin: HttpOrigin;
  readonly method: string;
  /** With the query, encoded. */
  readonly path: string;
  /** What it is for, in messages: `loading pack 1f3a…`. */
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StagedBody | undefined;
  /** Does not wait behind others: a lock must be renewed in time, however many packs are on their way. */
  readonly isUrgent?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Longer bodies are announced first (RFC 9110, "Expect"): a server that refuses one (it has the file, its disk is full) says so before
 * anything is sent, and need not break the connection off, by which its answer would be lost.
 */
const announcedBytes = 64 << 10;
/** A proxy may not know of announcements: then the body is sent without waiting longer. */
const maxWaitForContinueMs = 2_000;
const pieceBytes = 256 << 10;
/** As in restic, locks are beyond the limit. */
const urgentConnections = 2;

interface Agents {
  readonly usual: HttpAgent;
  readonly urgent: HttpAgent;
}

export class HttpClient {
  readonly #options: HttpClientOptions;
  /** One pair for each of http, https and Unix sockets, made when the first request needs it. */
  readonly #agents = new Map<string, Agents>();

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /**
   * The server's answer, whatever its status; its body is to be read or destroyed.
   * @throws HoldfastError `storage-failed` when there is none, `cancelled`
   */
  async ask(request: HttpRequest): Promise<IncomingMessage> {
    throwIfCancelled(request.signal);
    try {
      return pacedAnswer(await this.#attempt(request, true), this.#options.paces?.download);
    } catch (error) {
      throw this.inWords(request, error);
    }
  }

  /** A failure of the connection, met while a request or the body of its answer was under way. */
  inWords({ what, signal }: Pick<HttpRequest, 'what' | 'signal'>, error: unknown): HoldfastError {
    if (signal?.aborted === true) return cancellationOf(signal);
    if (error instanceof HoldfastError) return error;
    const failure = error instanceof Error ? error : new Error(String(error));
    // "aborted": the other side closed the connection in the middle of its answer.
    if (failure.message === 'aborted') Object.assign(failure, { code: 'ECONNRESET' });
    return networkError(what, this.#options.printable, failure);
  }

  close(): void {
    for (const { usual, urgent } of this.#agents.values()) {
      usual.destroy();
      urgent.destroy();
    }
    this.#agents.clear();
  }

  async #attempt(request: HttpRequest, mayRepeat: boolean): Promise<IncomingMessage> {
    const outgoing = this.#begin(request);
    try {
      return await answerTo(outgoing, request, this.#options.paces?.upload);
    } catch (error) {
      // A connection that was kept open may be closed by the server in the moment in which it is used again: that says nothing.
      const isStale = outgoing.reusedSocket && /^(?:ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? '');
      if (!mayRepeat || !isStale || request.signal?.aborted === true) throw error;
      return await this.#attempt(request, false);
    }
  }

  #begin({ origin, method, path, headers, body, what, isUrgent = false, signal }: HttpRequest): ClientRequest {
    const { printable, stallMs } = this.#options;
    const start = origin.isSecure ? startHttps : startHttp;
    const outgoing = start({
      hostname: origin.hostname,
      ...(origin.port === undefined ? {} : { port: origin.port }),
      ...(origin.socketPath === undefined ? {} : { socketPath: origin.socketPath }),
      method,
      path,
      agent: this.#agentsFor(origin)[isUrgent ? 'urgent' : 'usual'],
      headers: { ...headers, ...bodyHeaders(body) },
      timeout: stallMs,
      ...(signal === undefined ? {} : { signal }),
    });
    let response: IncomingMessage | undefined;
    outgoing.once('response', (found) => (response = found));
    outgoing.on('timeout', () => {
      const error = stalledError(what, printable, stallMs);
      // Whoever reads the body hears of this, not of a connection that broke off.
      response?.destroy(error);
      outgoing.destroy(error);
    });
    return outgoing;
  }

  #agentsFor({ isSecure, socketPath }: HttpOrigin): Agents {
    const key = `${isSecure} ${socketPath === undefined}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const make = (maxSockets: number): HttpAgent => makeAgent(this.#options, maxSockets, isSecure, socketPath === undefined);
    const made = { usual: make(this.#options.connections), urgent: make(urgentConnections) };
    this.#agents.set(key, made);
    return made;
  }
}

function makeAgent({ tls, stallMs }: HttpClientOptions, maxSockets: number, isSecure: boolean, mayUseProxy: boolean): HttpAgent {
  const proxy = mayUseProxy ? { proxyEnv: process.env } : {};
  const usual = { keepAlive: true, maxSockets, timeout: stallMs, ...proxy };
  if (!isSecure) return new HttpAgent(usual);
  const { authorities, clientCertificate, isUnverified } = tls;
  return new HttpsAgent({
    ...usual,
    ca: authorities === undefined ? [...new Set([...getCACertificates('default'), ...getCACertificates('system')])] : [...authorities],
    rejectUnauthorized: !isUnverified,
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate, key: clientCertificate }),
  });
}

function lengthOf(body: Uint8Array | StagedBody): number {
  return body instanceof Uint8Array ? body.length : body.sizeBytes;
}

function bodyHeaders(body: HttpRequest['body']): Record<string, string> {
  if (body === undefined) return {};
  const length = lengthOf(body);
  return {
    'Content-Length': String(length),
    ...(length > announcedBytes ? { Expect: '100-continue' } : {}),
  };
}

function answerTo(outgoing: ClientRequest, { body }: HttpRequest, pace: Pace | undefined): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const giveUpBody = sendBody(outgoing, body, pace);
  outgoing.on('error', (error) => {
    giveUpBody();
    reject(error);
  });
  outgoing.on('response', (response) => {
    giveUpBody();
    // Whoever reads the body hears of it; before that it must not end the process.
    response.on('error', () => {});
    // An answer before the body was sent: the connection is of no use any more, for the other side still waits for it.
    if (!outgoing.writableEnded) response.on('end', () => outgoing.destroy());
    resolve(response);
  });
  return promise;
}

/** @returns stops sending */
function sendBody(outgoing: ClientRequest, body: HttpRequest['body'], pace: Pace | undefined): () => void {
  if (body === undefined || lengthOf(body) <= announcedBytes) return sendNow(outgoing, body, pace);
  let stop = (): void => {};
  let timer: NodeJS.Timeout | undefined;
  let isDecided = false;
  const go = (): void => {
    if (isDecided) return;
    isDecided = true;
    clearTimeout(timer);
    stop = sendNow(outgoing, body, pace);
  };
  outgoing.once('continue', go);
  outgoing.once('socket', () => {
    if (!isDecided) timer = setTimeout(go, maxWaitForContinueMs);
  });
  return () => {
    isDecided = true;
    clearTimeout(timer);
    stop();
  };
}

function sendNow(outgoing: ClientRequest, body: HttpRequest['body'], pace: Pace | undefined): () => void {
  const source = body === undefined || pace === undefined ? body : pacedBody(body, pace);
  if (source === undefined || source instanceof Uint8Array) {
    outgoing.end(source);
    return () => {};
  }
  const file = source instanceof Readable ? source : createReadStream(source.path, { highWaterMark: pieceBytes });
  file.on('error', (error: Error) => outgoing.destroy(error));
  file.pipe(outgoing);
  return () => {
    file.unpipe(outgoing);
    file.destroy();
  };
}
