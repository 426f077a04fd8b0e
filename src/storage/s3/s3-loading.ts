/** Loads a file or a part of it, by a request for a range of bytes. */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { HoldfastError } from '../../base/errors.ts';
import { type LoadOptions, missingFileError, type StoredFile, shortFileError } from '../backend.ts';
import { rangeOf, readBodySpan, spanOf } from '../byte-range.ts';
import { cutError } from '../http-errors.ts';
import type { S3Connection } from './s3-connection.ts';
import { S3Call, type S3CallWords } from './sdk-http-handler.ts';

export interface LoadRequest {
  readonly file: StoredFile;
  readonly key: string;
  readonly call: S3CallWords;
  readonly options: LoadOptions;
  /** Asked when the server says that the range begins behind the last byte. */
  readonly sizeOf: () => Promise<number>;
}

/** @throws HoldfastError `storage-missing`, `damaged` for a file that is too short or too long, `storage-*`, `cancelled` */
export async function loadObject(connection: S3Connection, request: LoadRequest): Promise<Buffer> {
  const { file, key, options } = request;
  const call = new S3Call({ ...request.call, isStreamed: true });
  const range = rangeOf(options);
  const parameters = { Bucket: connection.bucket, Key: key, ...(range === undefined ? {} : { Range: range }) };
  try {
    await connection.ask(call, (client) => client.send(new GetObjectCommand(parameters), call));
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    // Without its bucket a file is missing, too, but that has another hint.
    if (error.context['s3Code'] === 'NoSuchKey') throw missingFileError(file, connection.location, error);
    if (call.answer?.statusCode === 416) return await behindTheEnd(request);
    throw error;
  }
  return await readAnswer(connection, request, call);
}

/** Right for "everything from the end on", which is nothing. */
async function behindTheEnd({ file, options: { offset = 0, length }, sizeOf }: LoadRequest): Promise<Buffer> {
  const sizeBytes = await sizeOf();
  if (length === undefined && sizeBytes === offset) return Buffer.alloc(0);
  throw shortFileError(file, offset + (length ?? 0), sizeBytes);
}

async function readAnswer(connection: S3Connection, { file, options }: LoadRequest, call: S3Call): Promise<Buffer> {
  const answer = call.answer;
  if (answer === undefined) throw new HoldfastError('internal', `${call.what} brought no answer`);
  try {
    const span = spanOf(answer, file, options, call.what);
    const bytes = await readBodySpan(answer as AsyncIterable<Buffer>, span);
    if (bytes.length < span.length) throw cutError(call.what, connection.location, span.length, bytes.length);
    return bytes;
  } catch (error) {
    throw connection.brokenBody(call, error);
  } finally {
    if (!answer.readableEnded) answer.destroy();
  }
}
