/**
 * Carries the requests of Amazon's SDK over our own HTTP client: the same few connections, stalls, announced uploads and errors as for
 * every other server. The SDK composes and signs requests and reads answers; bodies of files never pass through it.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { HoldfastError } from '../../base/errors.ts';
import type { HttpClient, HttpRequest, StagedBody } from '../http-client.ts';

export interface S3CallWords {
  /** For messages: `loading pack 1f3a…`. */
  readonly what: string;
  readonly isUrgent?: boolean | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  /** Sent instead of what the SDK has. */
  readonly body?: Uint8Array | StagedBody | undefined;
  /** The body of a success is left to the caller. */
  readonly isStreamed?: boolean | undefined;
}

/** What a call says beside its parameters. The SDK hands it through untouched, as the options of `send`. */
export class S3Call {
  readonly words: S3CallWords;
  readonly abortSignal?: AbortSignal;
  /** The last answer, whatever it was; set by the handler. */
  answer: IncomingMessage | undefined;

  constructor(words: S3CallWords) {
    this.words = words;
    if (words.abortSignal !== undefined) this.abortSignal = words.abortSignal;
  }

  get what(): string {
    return this.words.what;
  }
}

/** The SDK's request, as far as it is used here. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: IncomingMessage | Uint8Array;
}

/** Lists have pages of 1000 names of at most 1 KiB each; explanations of errors are shorter. */
const maxAnswerBytes = 16 << 20;

export class SdkHttpHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** @param options a call; requests that the SDK makes by itself, for credentials, have none */
  async handle(request: SdkRequest, options?: object): Promise<{ response: SdkResponse }> {
    const call = options instanceof S3Call ? options : new S3Call({ what: 'asking for credentials' });
    const { what, isUrgent, abortSignal: signal, body: own, isStreamed } = call.words;
    const asked = { ...plainRequest(request), what, isUrgent, signal, body: own ?? bytesOf(request.body) };
    const answer = await this.#http.ask(asked);
    call.answer = answer;
    const statusCode = answer.statusCode ?? 0;
    const isLeft = isStreamed === true && (statusCode === 200 || statusCode === 206);
    const body = isLeft ? answer : await this.#readAnswer(answer, asked);
    return { response: { statusCode, headers: plainHeaders(answer.headers), body } };
  }

  /** The client belongs to whoever made it. */
  destroy(): void {}

  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }

  async #readAnswer(answer: IncomingMessage, request: Pick<HttpRequest, 'what' | 'signal'>): Promise<Uint8Array> {
    const pieces: Buffer[] = [];
    let length = 0;
    try {
      for await (const piece of answer as AsyncIterable<Buffer>) {
        length += piece.length;
        if (length > maxAnswerBytes) throw new HoldfastError('storage-failed', `${request.what} failed: the answer has no end`);
        pieces.push(piece);
      }
    } catch (error) {
      throw this.#http.inWords(request, error);
    }
    return Buffer.concat(pieces);
  }
}

function plainRequest(request: SdkRequest): Pick<HttpRequest, 'origin' | 'method' | 'path' | 'headers'> {
  const { protocol, hostname, port, path, query = {}, method, headers } = request;
  const words = queryWords(query);
  return {
    origin: {
      isSecure: protocol === 'https:',
      // An address of IPv6 is in brackets in URLs, and nowhere else.
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === undefined ? undefined : String(port),
    },
    method,
    path: words === '' ? path : `${path}?${words}`,
    headers,
  };
}

function queryWords(query: NonNullable<SdkRequest['query']>): string {
  const words = Object.entries(query).flatMap(([name, value]) => {
    if (value === null) return [encode(name)];
    return (typeof value === 'string' ? [value] : value).map((one) => `${encode(name)}=${encode(one)}`);
  });
  return words.join('&');
}

/** As signatures need it (RFC 3986). */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null || body === '') return undefined;
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  throw new HoldfastError('internal', 'a request to S3 has a body of an unknown kind');
}

function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}
