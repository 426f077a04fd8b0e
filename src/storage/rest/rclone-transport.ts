/** `rclone serve restic --stdio` speaks the REST protocol nearly as a REST server does. Here are the differences. */
import { cancellationOf } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import { discard } from './response-body.ts';
import type { RestAnswer, RestRequest, RestTransport } from './rest-transport.ts';

export interface RcloneTransportOptions {
  /** For people. */
  readonly location: string;
  /** How long the first answer may take: rclone looks for the remote before it listens. */
  readonly startTimeoutMs: number;
  /** What rclone's messages of the last moments mean for a request that failed; undefined where they say nothing. */
  readonly explainFailure: (what: string) => HoldfastError | undefined;
}

const notFound = 404;
const partial = 206;
const beyondTheEnd = 416;

export class RcloneTransport implements RestTransport {
  readonly #inner: RestTransport;
  readonly #options: RcloneTransportOptions;
  #hasAnswered = false;

  constructor(inner: RestTransport, options: RcloneTransportOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  async ask(request: RestRequest): Promise<RestAnswer> {
    const answer = this.#hasAnswered ? await this.#inner.ask(request) : await this.#firstAnswer(request);
    const status = answer.statusCode ?? 0;
    if (status === notFound && !request.path.endsWith('/')) return await this.#confirmMissing(request, answer);
    if (status === partial) return refusedBeyondTheEnd(answer);
    if (status >= 500) await this.#throwExplained(request, answer);
    return answer;
  }

  inWords(request: Pick<RestRequest, 'what' | 'signal'>, error: unknown): HoldfastError {
    const known = this.#inner.inWords(request, error);
    return known.code === 'cancelled' ? known : (this.#options.explainFailure(request.what) ?? known);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #firstAnswer(request: RestRequest): Promise<RestAnswer> {
    const limit = AbortSignal.timeout(this.#options.startTimeoutMs);
    const signal = request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]);
    try {
      const answer = await this.#inner.ask({ ...request, signal });
      this.#hasAnswered = true;
      return answer;
    } catch (error) {
      if (request.signal?.aborted === true) throw cancellationOf(request.signal);
      throw limit.aborted ? this.#lateError(request) : this.inWords(request, error);
    }
  }

  /**
   * Up to version 1.73 rclone gives this answer whatever the failure was: an access that was refused would look like a repository that
   * is gone. So it counts only where the remote lets itself be listed.
   */
  async #confirmMissing(request: RestRequest, answer: RestAnswer): Promise<RestAnswer> {
    await discard(answer);
    const { what, signal, headers } = request;
    const range = /^bytes=(\d+)-/.exec(headers?.['Range'] ?? '');
    if (range !== null) {
      // Some remotes cannot be read from their last byte on, which rclone takes for a file that is not there.
      const sizeBytes = await this.#sizeOf(request);
      if (sizeBytes !== undefined && Number(range[1]) >= sizeBytes) return beyond(answer, sizeBytes);
    }
    const listing = await this.#inner.ask({ method: 'GET', path: 'locks/', what, isUrgent: true, signal });
    await discard(listing);
    if (listing.statusCode === 200) return withoutBody(answer, notFound);
    throw (
      this.#options.explainFailure(what) ??
      new HoldfastError('storage-failed', `${what} failed: rclone cannot list ${this.#options.location}`, {
        hint: 'The messages of rclone say why.',
        isRetryable: true,
      })
    );
  }

  async #sizeOf({ path, what, signal }: RestRequest): Promise<number | undefined> {
    const answer = await this.#inner.ask({ method: 'HEAD', path, what, isUrgent: true, signal });
    await discard(answer);
    return answer.statusCode === 200 ? Number(answer.headers['content-length']) : undefined;
  }

  async #throwExplained({ what }: RestRequest, answer: RestAnswer): Promise<void> {
    const explained = this.#options.explainFailure(what);
    if (explained === undefined) return;
    answer.destroy();
    throw explained;
  }

  #lateError({ what }: RestRequest): HoldfastError {
    const seconds = Math.round(this.#options.startTimeoutMs / 1000);
    return new HoldfastError('storage-failed', `${what} failed: rclone did not answer within ${seconds} s`, {
      hint: 'Try `rclone lsd` with the same remote. -o rclone.timeout=5m waits longer.',
      context: { isUnreachable: true },
      isRetryable: true,
    });
  }
}

/** rclone answers a range behind the last byte with an empty part, as in `bytes 9-8/9`. */
function refusedBeyondTheEnd(answer: RestAnswer): RestAnswer {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(String(answer.headers['content-range'] ?? '')) ?? [];
  if (start === undefined || Number(start) < Number(total)) return answer;
  answer.destroy();
  return beyond(answer, Number(total));
}

function beyond({ headers }: RestAnswer, sizeBytes: number): RestAnswer {
  return withoutBody({ headers: { ...headers, 'content-range': `bytes */${sizeBytes}` } }, beyondTheEnd);
}

function withoutBody({ headers }: Pick<RestAnswer, 'headers'>, statusCode: number): RestAnswer {
  return { statusCode, headers, readableEnded: true, destroy: () => {}, [Symbol.asyncIterator]: async function* () {} };
}
