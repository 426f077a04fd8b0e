/**
 * What carries requests of the REST protocol to a server: connections of a network (RestClient), or the standard input and output of a
 * program (StdioTransport). Whoever asks does not see the difference.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { HoldfastError } from '../../base/errors.ts';

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

/** The server's answer; whoever gets it reads its body to the end, or destroys it. */
export interface RestAnswer extends AsyncIterable<Buffer> {
  readonly statusCode?: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly readableEnded: boolean;
  destroy(): unknown;
}

export interface RestTransport {
  /**
   * The server's answer, whatever its status.
   * @throws HoldfastError `storage-failed` when there is none, `cancelled`
   */
  ask(request: RestRequest): Promise<RestAnswer>;
  /** A failure of the connection, met while a request or the body of its answer was under way. */
  inWords(request: Pick<RestRequest, 'what' | 'signal'>, error: unknown): HoldfastError;
  close(): void | Promise<void>;
}

export const protocolVersion2 = 'application/vnd.x.restic.rest.v2';
