/**
 * Stands in front of an HTTP server and, once armed, answers as a bad server or something bad between does. Requests and answers pass as
 * they are otherwise, with the headers that are signed. It holds each as a whole, so it is for small ones.
 */
import { once } from 'node:events';
import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export type HttpFault =
  /** The answer of the nth request; `isDone`: the server did first what it was asked, and its answer is lost. */
  | {
      readonly kind: 'status';
      readonly nth: number;
      readonly status: 429 | 500 | 503;
      readonly retryAfterS: number;
      readonly isDone: boolean;
    }
  /** The nth download ends early: with its connection, or as if it had been shorter all along. */
  | { readonly kind: 'truncate'; readonly nth: number; readonly share: number; readonly isSilent: boolean }
  /** One bit of the nth download is another. */
  | { readonly kind: 'flip'; readonly nth: number; readonly share: number }
  /** The nth request reaches the server a second time, after the first or together with it. The client gets the answer to the second. */
  | { readonly kind: 'twice'; readonly nth: number; readonly isTogether: boolean }
  /** All answers carry a time that is so far off. */
  | { readonly kind: 'skew'; readonly ms: number }
  /** All lists are as they would have been so long ago: what was stored since is not in them. */
  | { readonly kind: 'lag'; readonly ms: number };

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** About one connection, not about what is asked. */
const hopHeaders = ['connection', 'keep-alive', 'transfer-encoding', 'expect', 'proxy-connection'];

export class HttpFaults implements AsyncDisposable {
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #targetPort: number;
  /** When each file was stored, by the last part of its path. */
  readonly #storedMs = new Map<string, number>();
  #armed: HttpFault[] = [];
  readonly #fired = new Set<HttpFault>();
  #requests = 0;
  #downloads = 0;

  static async start(targetPort: number): Promise<HttpFaults> {
    const faults = new HttpFaults(targetPort);
    faults.#server.listen(0, '127.0.0.1');
    await once(faults.#server, 'listening');
    return faults;
  }

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((asked, response) => {
      // A client that went away, or a server: the connection ends, as it would without this in between.
      this.#handle(asked, response).catch(() => response.destroy());
    });
  }

  get port(): number {
    const bound = this.#server.address();
    if (typeof bound !== 'object' || bound === null) throw new Error('nobody listens');
    return bound.port;
  }

  /** Requests are counted from here on. */
  arm(faults: readonly HttpFault[]): void {
    this.#armed = [...faults];
    this.#fired.clear();
    this.#requests = 0;
    this.#downloads = 0;
  }

  /** @returns what came true */
  disarm(): readonly HttpFault[] {
    this.#armed = [];
    return [...this.#fired];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(asked);
    const nth = ++this.#requests;
    const status = this.#take('status', nth);
    if (status !== undefined) {
      if (status.isDone) await this.#forward(asked, body);
      return send(response, { status: status.status, headers: { 'retry-after': String(status.retryAfterS) }, body: Buffer.from('busy') });
    }
    const answer = await this.#deliver(asked, body, nth);
    await this.#answer(asked, response, this.#changeHead(answer));
  }

  async #deliver(asked: IncomingMessage, body: Buffer, nth: number): Promise<Answer> {
    const twice = this.#take('twice', nth);
    if (twice === undefined) return await this.#forward(asked, body);
    const first = this.#forward(asked, body);
    if (!twice.isTogether) await first;
    const second = await this.#forward(asked, body);
    await first;
    return second;
  }

  async #answer(asked: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
    const { status, body } = answer;
    if (asked.method !== 'GET' || status >= 300 || body.length === 0) return send(response, answer, asked.method === 'HEAD');
    if (isListing(asked)) return send(response, { ...answer, body: this.#lag(body) });
    const nth = ++this.#downloads;
    const [cut, flip] = [this.#take('truncate', nth), this.#take('flip', nth)];
    const seen = flip === undefined ? body : flipped(body, flip.share);
    if (cut === undefined) return send(response, { ...answer, body: seen });
    const part = seen.subarray(0, Math.floor(cut.share * seen.length));
    if (cut.isSilent) return send(response, { ...answer, body: part });
    response.writeHead(status, { ...passing(answer.headers), 'content-length': String(seen.length) }).write(part);
    // The part arrives first, as a rule.
    await sleep(5);
    response.destroy();
  }

  #changeHead(answer: Answer): Answer {
    const skew = this.#armed.find((fault) => fault.kind === 'skew');
    if (skew === undefined) return answer;
    this.#fired.add(skew);
    return { ...answer, headers: { ...answer.headers, date: new Date(Date.now() + skew.ms).toUTCString() } };
  }

  #lag(body: Buffer): Buffer {
    const lag = this.#armed.find((fault) => fault.kind === 'lag');
    if (lag === undefined) return body;
    const sinceMs = performance.now() - lag.ms;
    const isHidden = (name: string): boolean => (this.#storedMs.get(name) ?? Number.NEGATIVE_INFINITY) > sinceMs;
    const text = body.toString();
    const shown = text.startsWith('<') ? hideObjects(text, isHidden) : hideNames(text, isHidden);
    if (shown !== text) this.#fired.add(lag);
    return Buffer.from(shown);
  }

  #take<K extends 'status' | 'truncate' | 'flip' | 'twice'>(kind: K, nth: number): Extract<HttpFault, { kind: K }> | undefined {
    const found = this.#armed.find(
      (fault): fault is Extract<HttpFault, { kind: K }> => fault.kind === kind && 'nth' in fault && fault.nth === nth,
    );
    if (found !== undefined) this.#fired.add(found);
    return found;
  }

  async #forward(asked: IncomingMessage, body: Buffer): Promise<Answer> {
    const { method = 'GET', url = '/' } = asked;
    const headers = {
      ...passing(asked.headers),
      ...(method === 'GET' || method === 'HEAD' ? {} : { 'content-length': String(body.length) }),
    };
    const options = { host: '127.0.0.1', port: this.#targetPort, method, path: url, headers, agent: this.#agent };
    const sent = request(options).end(body);
    const [answered] = (await once(sent, 'response')) as [IncomingMessage];
    const { statusCode: status = 0 } = answered;
    const answer = { status, headers: answered.headers, body: await buffer(answered) };
    const name = nameOf(url);
    // It is there as soon as the server says so, and no earlier.
    if ((method === 'POST' || method === 'PUT') && status < 300 && !this.#storedMs.has(name)) this.#storedMs.set(name, performance.now());
    return answer;
  }
}

function send(response: ServerResponse, { status, headers, body }: Answer, isHead = false): void {
  const length = isHead ? {} : { 'content-length': String(body.length) };
  response.writeHead(status, { ...passing(headers), ...length }).end(body);
}

function passing(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopHeaders.includes(name)));
}

function nameOf(path: string): string {
  return path.split('?', 1)[0]?.split('/').at(-1) ?? '';
}

/** Of REST servers a folder, of S3 servers a bucket with a query about what is in it. */
function isListing({ url = '' }: IncomingMessage): boolean {
  return /\/$|[?&](?:list-type|prefix|delimiter)=/u.test(url);
}

function flipped(body: Buffer, share: number): Buffer {
  const changed = Buffer.from(body);
  const at = Math.min(changed.length - 1, Math.floor(share * changed.length));
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
}

/** Both versions of restic's protocol. */
function hideNames(text: string, isHidden: (name: string) => boolean): string {
  const entries = JSON.parse(text) as readonly (string | { readonly name: string })[] | null;
  const shown = entries?.filter((entry) => !isHidden(typeof entry === 'string' ? entry : entry.name));
  return shown?.length === entries?.length ? text : JSON.stringify(shown);
}

function hideObjects(text: string, isHidden: (name: string) => boolean): string {
  return text.replace(/<Contents>.*?<\/Contents>/gsu, (entry) => {
    const key = /<Key>(.*?)<\/Key>/u.exec(entry)?.[1] ?? '';
    return isHidden(nameOf(key)) ? '' : entry;
  });
}
