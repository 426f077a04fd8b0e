/** Loads a file or a part of it, by a request for a range of bytes. */
import type { IncomingMessage } from 'node:http';
import { HoldfastError } from '../../base/errors.ts';
import { type LoadOptions, missingFileError, oversizedFileError, type StoredFile, shortFileError } from '../backend.ts';
import { cutError, statusError } from './http-errors.ts';
import { discard, lengthOf, readSpan, totalOfRange, type WantedBytes } from './response-body.ts';
import type { RestClient, RestRequest } from './rest-client.ts';

/** @throws HoldfastError `storage-missing`, `damaged` for a file that is too short or too long, `storage-*`, `cancelled` */
export async function loadSpan(
  client: RestClient,
  location: string,
  request: RestRequest,
  file: StoredFile,
  options: LoadOptions,
): Promise<Buffer> {
  const asked = { ...request, headers: rangeHeader(options) };
  const response = await client.ask(asked);
  try {
    if (response.statusCode === 404) throw missingFileError(file, location);
    if (response.statusCode === 416) return behindTheEnd(response, file, options);
    if (response.statusCode !== 200 && response.statusCode !== 206) {
      await discard(response);
      throw statusError(request.what, location, response.statusCode ?? 0, response.headers);
    }
    const span = wantedOf(response, file, options, request.what);
    const bytes = await readSpan(response, span);
    if (bytes.length < span.length) throw cutError(request.what, location, span.length, bytes.length);
    return bytes;
  } catch (error) {
    if (!response.readableEnded) response.destroy();
    throw client.inWords(asked, error);
  }
}

function rangeHeader({ offset = 0, length }: LoadOptions): Record<string, string> {
  if (offset === 0 && length === undefined) return {};
  // No range is empty: one byte tells whether the file is there and reaches so far.
  if (length === 0) return offset === 0 ? {} : { Range: `bytes=${offset - 1}-${offset - 1}` };
  return { Range: `bytes=${offset}-${length === undefined ? '' : offset + length - 1}` };
}

/** The range begins behind the last byte: right for "everything from the end on", which is nothing. */
function behindTheEnd(response: IncomingMessage, file: StoredFile, { offset = 0, length }: LoadOptions): Buffer {
  const total = totalOfRange(response);
  if (length === undefined && total === offset) return Buffer.alloc(0);
  throw shortFileError(file, offset + (length ?? 0), total ?? 0);
}

/** Which bytes of the body are those that were asked for; refuses before memory is taken. */
function wantedOf(response: IncomingMessage, file: StoredFile, options: LoadOptions, what: string): WantedBytes {
  const { offset = 0, length, maxBytes = Number.POSITIVE_INFINITY } = options;
  const bodyLength = lengthOf(response, what);
  const isPart = response.statusCode === 206;
  if (isPart && !isFrom(response, length === 0 ? offset - 1 : offset)) throw wrongRange(what);
  if (length === 0) {
    if (!isPart && bodyLength < offset) throw shortFileError(file, offset, bodyLength);
    return { skip: 0, length: 0 };
  }
  // A server that knows no ranges sends the file from its beginning.
  const skip = isPart ? 0 : offset;
  const available = bodyLength - skip;
  if (available < (length ?? 0)) throw shortFileError(file, offset + (length ?? 0), offset + available);
  if (length === undefined && available < 0) throw shortFileError(file, offset, bodyLength);
  if (length === undefined && available > maxBytes) throw oversizedFileError(file, maxBytes, available);
  return { skip, length: length ?? available };
}

function isFrom(response: IncomingMessage, offset: number): boolean {
  return response.headers['content-range']?.startsWith(`bytes ${offset}-`) === true;
}

function wrongRange(what: string): HoldfastError {
  return new HoldfastError('storage-failed', `${what} failed: the server sent another part of the file than was asked for`, {
    isRetryable: true,
  });
}
