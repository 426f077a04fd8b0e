/** Bodies of requests and answers at a pace. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { type Pace, pacedPieces } from './pace.ts';

/** A file that goes from the disk to the network piece by piece. */
interface FileBody {
  readonly path: string;
}

/** To be piped into a request. Destroying it ends the waiting. */
export function pacedBody(body: Uint8Array | FileBody, pace: Pace): Readable {
  const ended = new AbortController();
  const source = body instanceof Uint8Array ? [body] : createReadStream(body.path, { highWaterMark: pace.pieceBytes });
  const stream = Readable.from(pacedPieces(source, pace, ended.signal), { objectMode: false, highWaterMark: pace.pieceBytes });
  stream.on('close', () => ended.abort());
  return stream;
}

/** An answer whose body comes at a pace for whoever reads it by `for await`: what is not read yet holds the sender back. */
export function pacedAnswer<T extends AsyncIterable<Buffer>>(answer: T, pace: Pace | undefined): T {
  if (pace === undefined) return answer;
  const begin = answer[Symbol.asyncIterator].bind(answer);
  return Object.defineProperty(answer, Symbol.asyncIterator, {
    value: () => pacedPieces({ [Symbol.asyncIterator]: begin }, pace),
  });
}
