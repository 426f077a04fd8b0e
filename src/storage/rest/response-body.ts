/** The body of an answer into memory: exactly the bytes that were asked for, and never more than was agreed. */
import type { IncomingMessage } from 'node:http';
import { HoldfastError } from '../../base/errors.ts';

export interface WantedBytes {
  /** Of the body, that are passed over. */
  readonly skip: number;
  readonly length: number;
}

/** @returns fewer bytes only when the body ends before */
export async function readSpan(response: IncomingMessage, { skip, length }: WantedBytes): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(length);
  let position = -skip;
  for await (const piece of response as AsyncIterable<Buffer>) {
    const useful = position < 0 ? piece.subarray(-position) : piece;
    if (position + piece.length > 0) target.set(useful.subarray(0, length - Math.max(0, position)), Math.max(0, position));
    position += piece.length;
    // Leaving the loop closes the connection: the rest of a file that nobody wants need not come.
    if (position > length) break;
  }
  return position >= length ? target : target.subarray(0, Math.max(0, position));
}

/** Reads an answer that matters no more to its end, so that its connection can be used again. */
export async function discard(response: IncomingMessage): Promise<void> {
  let seen = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    seen += piece.length;
    if (seen > maxDiscardedBytes) break;
  }
}

/** A page that explains an error is shorter. */
const maxDiscardedBytes = 1 << 20;

/** Of the file as a whole, from `Content-Range: bytes 5-9/100` or its form for an impossible range, with a star. */
export function totalOfRange(response: IncomingMessage): number | undefined {
  const total = /^bytes (?:\*|\d+-\d+)\/(\d+)$/.exec(response.headers['content-range'] ?? '')?.[1];
  return total === undefined ? undefined : Number(total);
}

/** @throws HoldfastError when the server does not say how much is coming */
export function lengthOf(response: IncomingMessage, what: string): number {
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  if (Number.isSafeInteger(length) && length >= 0) return length;
  throw new HoldfastError('storage-failed', `${what} failed: the server does not say how many bytes it sends`, {
    hint: 'Check that the address is that of a restic REST server, and that no proxy changes its answers.',
  });
}
