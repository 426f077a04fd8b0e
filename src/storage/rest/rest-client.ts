/** Requests to one REST server: few connections, kept open; bodies streamed; a stall and a fired signal end a request. */
import { createReadStream } from 'node:fs';
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, type RequestOptions, request as startHttp } from 'node:http';
import { Agent as HttpsAgent, request as startHttps } from 'node:https';
import { getCACertificates } from 'node:tls';
import { cancellationOf, throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import { networkError, stalledError } from './http-errors.ts';
import type { RestAddress } from './rest-address.ts';

export interface TlsSettings {
  /** Certificates of authorities, PEM: these alone are trusted. The system's and the usual ones unless told. */
  readonly authorities?: readonly string[];
  /** The client's own certificate and its key, PEM. */
  readonly clientCertificate?: string | undefined;
  /** Whoever answers is trusted. */
  readonly isUnverified: boolean;
}

export interface RestClientOptions {
  readonly address: RestAddress;
  readonly username: string;
  readonly password: string;
  readonly tls: TlsSettings;
  readonly connections: number;
  /** After so long without a byte in either direction a request has failed. */
  readonly stallMs: number;
}

/** A staged file goes from the disk to the network piece by piece. */
export interface StagedBody {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface RestRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  /** Below the repository. */
  readonly path: string;
  /** What it is for, in messages: `loading pack 1f3a…`. */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StagedBody;
  /** Does not wait behind others: a lock must be renewed in time, however many packs are on their way. */
  readonly isUrgent?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export const protocolVersion2 = 'application/vnd.x.restic.rest.v2';

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

export class RestClient {
  readonly #options: RestClientOptions;
  readonly #fixed: RequestOptions;
  readonly #usual: HttpAgent;
  readonly #urgent: HttpAgent;

  constructor(options: RestClientOptions) {
    this.#options = options;
    const { address, username, password } = options;
    this.#usual = makeAgent(options, options.connections);
    this.#urgent = makeAgent(options, urgentConnections);
    const hasName = username !== '' || password !== '';
    this.#fixed = {
      hostname: address.hostname,
      ...(address.port === undefined ? {} : { port: address.port }),
      ...(address.socketPath === undefined ? {} : { socketPath: address.socketPath }),
      headers: {
        Accept: protocolVersion2,
        ...(hasName ? { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` } : {}),
      },
    };
  }

  /**
   * The server's answer, whatever its status; its body is to be read or destroyed.
   * @throws HoldfastError `storage-failed` when there is none, `cancelled`
   */
  async ask(request: RestRequest): Promise<IncomingMessage> {
    throwIfCancelled(request.signal);
    try {
      return await this.#attempt(request, true);
    } catch (error) {
      throw this.inWords(request, error);
    }
  }

  /** A failure of the connection, met while a request or the body of its answer was under way. */
  inWords({ what, signal }: Pick<RestRequest, 'what' | 'signal'>, error: unknown): HoldfastError {
    if (signal?.aborted === true) return cancellationOf(signal);
    if (error instanceof HoldfastError) return error;
    const failure = error instanceof Error ? error : new Error(String(error));
    // "aborted": the other side closed the connection in the middle of its answer.
    if (failure.message === 'aborted') Object.assign(failure, { code: 'ECONNRESET' });
    return networkError(what, this.#options.address.printable, failure);
  }

  close(): void {
    this.#usual.destroy();
    this.#urgent.destroy();
  }

  async #attempt(request: RestRequest, mayRepeat: boolean): Promise<IncomingMessage> {
    const outgoing = this.#begin(request);
    try {
      return await answerTo(outgoing, request);
    } catch (error) {
      // A connection that was kept open may be closed by the server in the moment in which it is used again: that says nothing.
      const isStale = outgoing.reusedSocket && /^(?:ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? '');
      if (!mayRepeat || !isStale || request.signal?.aborted === true) throw error;
      return await this.#attempt(request, false);
    }
  }

  #begin({ method, path, headers = {}, body, what, isUrgent = false, signal }: RestRequest): ClientRequest {
    const { address, stallMs } = this.#options;
    const start = address.isSecure ? startHttps : startHttp;
    const outgoing = start({
      ...this.#fixed,
      method,
      path: address.path + path,
      agent: isUrgent ? this.#urgent : this.#usual,
      headers: { ...(this.#fixed.headers as Record<string, string>), ...headers, ...bodyHeaders(body) },
      timeout: stallMs,
      ...(signal === undefined ? {} : { signal }),
    });
    outgoing.on('timeout', () => outgoing.destroy(stalledError(what, address.printable, stallMs)));
    return outgoing;
  }
}

function makeAgent({ address, tls, stallMs }: RestClientOptions, maxSockets: number): HttpAgent {
  const proxy = address.socketPath === undefined ? { proxyEnv: process.env } : {};
  const usual = { keepAlive: true, maxSockets, timeout: stallMs, ...proxy };
  if (!address.isSecure) return new HttpAgent(usual);
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

function bodyHeaders(body: RestRequest['body']): Record<string, string> {
  if (body === undefined) return {};
  const length = lengthOf(body);
  return {
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(length),
    ...(length > announcedBytes ? { Expect: '100-continue' } : {}),
  };
}

function answerTo(outgoing: ClientRequest, { body }: RestRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const giveUpBody = sendBody(outgoing, body);
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
function sendBody(outgoing: ClientRequest, body: RestRequest['body']): () => void {
  if (body === undefined || lengthOf(body) <= announcedBytes) return sendNow(outgoing, body);
  let stop = (): void => {};
  let timer: NodeJS.Timeout | undefined;
  let isDecided = false;
  const go = (): void => {
    if (isDecided) return;
    isDecided = true;
    clearTimeout(timer);
    stop = sendNow(outgoing, body);
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

function sendNow(outgoing: ClientRequest, body: RestRequest['body']): () => void {
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return () => {};
  }
  const file = createReadStream(body.path, { highWaterMark: pieceBytes });
  file.on('error', (error) => outgoing.destroy(error));
  file.pipe(outgoing);
  return () => {
    file.unpipe(outgoing);
    file.destroy();
  };
}
