/** Loads a file or a part of it, by a request for a range of bytes. */
import { type LoadOptions, missingFileError, type StoredFile, shortFileError } from '../backend.ts';
import { rangeOf, readBodySpan, spanOf } from '../byte-range.ts';
import { cutError } from '../http-errors.ts';
import { statusError } from './http-errors.ts';
import { discard, totalOfRange } from './response-body.ts';
import type { RestAnswer, RestRequest, RestTransport } from './rest-transport.ts';

/** @throws HoldfastError `storage-missing`, `damaged` for a file that is too short or too long, `storage-*`, `cancelled` */
export async function loadSpan(
  client: RestTransport,
  location: string,
  request: RestRequest,
  file: StoredFile,
  options: LoadOptions,
): Promise<Buffer> {
  const range = rangeOf(options);
  const asked = range === undefined ? request : { ...request, headers: { Range: range } };
  const response = await client.ask(asked);
  try {
    if (response.statusCode === 404) throw missingFileError(file, location);
    if (response.statusCode === 416) return behindTheEnd(response, file, options);
    if (response.statusCode !== 200 && response.statusCode !== 206) {
      const said = await discard(response);
      throw statusError(request.what, location, response.statusCode ?? 0, response.headers, said);
    }
    const span = spanOf(response, file, options, request.what);
    const bytes = await readBodySpan(response, span);
    if (bytes.length < span.length) throw cutError(request.what, location, span.length, bytes.length);
    return bytes;
  } catch (error) {
    if (!response.readableEnded) response.destroy();
    throw client.inWords(asked, error);
  }
}

/** The range begins behind the last byte: right for "everything from the end on", which is nothing. */
function behindTheEnd(response: RestAnswer, file: StoredFile, { offset = 0, length }: LoadOptions): Buffer {
  const total = totalOfRange(response);
  if (length === undefined && total === offset) return Buffer.alloc(0);
  throw shortFileError(file, offset + (length ?? 0), total ?? 0);
}
