/** Parts of files over HTTP: what to ask for, and which bytes of the answer are those (RFC 9110, "Range Requests"). */
import type { IncomingHttpHeaders } from 'node:http';
import { HoldfastError } from '../base/errors.ts';
import { type LoadOptions, oversizedFileError, type StoredFile, shortFileError } from './backend.ts';

/** The head of an answer. */
export interface AnswerHead {
  readonly statusCode?: number | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Of a body. */
export interface BodySpan {
  /** Bytes that are passed over. */
  readonly skip: number;
  readonly length: number;
}

/** The value of `Range`; undefined for a whole file. */
export function rangeOf({ offset = 0, length }: LoadOptions): string | undefined {
  if (offset === 0 && (length === undefined || length === 0)) return undefined;
  // No range is empty: one byte tells whether the file is there and reaches so far.
  if (length === 0) return `bytes=${offset - 1}-${offset - 1}`;
  return `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`;
}

/** Which bytes of the body were asked for. @throws HoldfastError `damaged`, before memory is taken for it; `storage-failed` */
export function spanOf(answer: AnswerHead, file: StoredFile, options: LoadOptions, what: string): BodySpan {
  const { offset = 0, length, maxBytes = Number.POSITIVE_INFINITY } = options;
  const bodyLength = lengthOf(answer, what);
  const isPart = answer.statusCode === 206;
  const firstByte = length === 0 ? offset - 1 : offset;
  if (isPart && answer.headers['content-range']?.startsWith(`bytes ${firstByte}-`) !== true) throw wrongRange(what);
  // A server that knows no ranges sends the file from its beginning.
  const skip = isPart ? 0 : offset;
  const available = bodyLength - skip;
  if (length === 0) {
    if (!isPart && available < 0) throw shortFileError(file, offset, bodyLength);
    return { skip: 0, length: 0 };
  }
  if (available < (length ?? 0)) throw shortFileError(file, offset + (length ?? 0), offset + available);
  if (length === undefined && available > maxBytes) throw oversizedFileError(file, maxBytes, available);
  return { skip, length: length ?? available };
}

/** @returns fewer bytes only when the body ends before */
export async function readBodySpan(body: AsyncIterable<Buffer>, { skip, length }: BodySpan): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(length);
  let position = -skip;
  for await (const piece of body) {
    const useful = position < 0 ? piece.subarray(-position) : piece;
    if (position + piece.length > 0) target.set(useful.subarray(0, length - Math.max(0, position)), Math.max(0, position));
    position += piece.length;
    // Leaving the loop closes the connection: the rest of a file that nobody wants need not come.
    if (position > length) break;
  }
  return position >= length ? target : target.subarray(0, Math.max(0, position));
}

/** @throws HoldfastError when the server does not say how much is coming */
export function lengthOf({ headers }: AnswerHead, what: string): number {
  const length = Number(headers['content-length'] ?? Number.NaN);
  if (Number.isSafeInteger(length) && length >= 0) return length;
  throw new HoldfastError('storage-failed', `${what} failed: the server does not say how many bytes it sends`, {
    hint: 'Check the address, and that no proxy changes the answers.',
  });
}

function wrongRange(what: string): HoldfastError {
  return new HoldfastError('storage-failed', `${what} failed: the server sent another part of the file than was asked for`, {
    isRetryable: true,
  });
}
