/** A request and its answer, as HTTP/1.1 and HTTP/2 both have them in Node. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { Refusal } from './refusal.ts';

export interface ServedRequest extends Readable {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersionMajor: number;
}

export interface ServedResponse extends Writable {
  statusCode: number;
  /** HTTP/2 has none. */
  statusMessage: string;
  readonly headersSent: boolean;
  setHeader(name: string, value: string | number): unknown;
  writeContinue(): unknown;
}

export interface Exchange {
  readonly request: ServedRequest;
  readonly response: ServedResponse;
  /** The client waits for a word before it sends the body. */
  readonly awaitsContinue: boolean;
  /** For the access log: an address, or `stdio`. */
  readonly peer: string;
  /** Common name of the certificate that the client showed and that an authority of ours signed. */
  readonly certificateName: string | undefined;
  /** Bytes of contents, for the access log. */
  readonly transferred: { received: number; sent: number };
  /** Guards against a client that takes or gives next to nothing. Disposed when the transfer is over. */
  readonly watchTransfer: () => Disposable;
}

/** Status lines are short; the same sentence is in the body. */
const maxStatusTextLength = 200;

/** An answer with a short text, or with none. */
export function answerText(exchange: Exchange, status: number, text = ''): void {
  const { request, response } = exchange;
  const body = Buffer.from(text === '' ? '' : `${text}\n`);
  response.statusCode = status;
  // restic shows the status line, and no body.
  if (text !== '' && request.httpVersionMajor === 1) response.statusMessage = statusText(text);
  // An answer to HEAD has no body; that to an upload which is still being sent may be lost with its stream; HTTP/2 has no text in the status line.
  if (text !== '') response.setHeader('Holdfast-Reason', statusText(text));
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', body.length);
  response.end(request.method === 'HEAD' ? undefined : body);
}

export function answerRefusal(exchange: Exchange, refusal: Refusal): void {
  const { request, response } = exchange;
  if (refusal.retryAfterS !== undefined) response.setHeader('Retry-After', refusal.retryAfterS);
  if (refusal.status === 401) response.setHeader('WWW-Authenticate', 'Basic realm="holdfast", charset="UTF-8"');
  if (refusal.kind === 'stopping' && request.httpVersionMajor === 1) response.setHeader('Connection', 'close');
  answerText(exchange, refusal.status, refusal.message);
}

/** The length that the client promises. @throws Refusal for none: the room for a file must be known before it comes */
export function promisedLength({ headers }: ServedRequest): number {
  const text = headers['content-length'];
  if (text === undefined) throw new Refusal(411, 'length', 'the request does not say how long its content is');
  const length = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(length)) return length;
  throw new Refusal(400, 'length', 'the length of the content is not usable');
}

function statusText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, maxStatusTextLength);
}
