/** Stores objects: with the SHA-256 of their content in the signature, so that the server refuses what did not arrive as it was sent. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { HoldfastError } from '../../base/errors.ts';
import type { StagedBody } from '../http-client.ts';
import type { S3Connection } from './s3-connection.ts';
import { S3Call, type S3CallWords } from './sdk-http-handler.ts';
import type { UploadParameters } from './upload-rules.ts';

/** What S3 takes in one request. Packs have 128 MiB at most. */
const maxObjectBytes = 5 * 1024 ** 3;

const refusalsOfRetention = new Set(['InvalidRequest', 'InvalidArgument', 'ObjectLockConfigurationNotFoundError']);

export interface Upload {
  readonly key: string;
  readonly body: Uint8Array | StagedBody;
  /** Of the content, hexadecimal. */
  readonly sha256: string;
  readonly parameters: UploadParameters;
  /** Fails with the code PreconditionFailed where there is an object of that name. */
  readonly isNew?: boolean;
  readonly call: S3CallWords;
}

export async function putObject(connection: S3Connection, { key, body, sha256, parameters, isNew, call: asked }: Upload): Promise<void> {
  const call = new S3Call({ ...asked, body });
  const input: PutObjectCommandInput = {
    Bucket: connection.bucket,
    Key: key,
    ContentLength: lengthOf(body, call.what),
    ContentType: 'application/octet-stream',
    ...parameters,
    // S3 takes retention only with a sum besides the signature's, and this one is known everywhere.
    ...(parameters.ObjectLockMode === undefined ? {} : { ContentMD5: await md5Of(body) }),
    ...(isNew === true ? { IfNoneMatch: '*' } : {}),
  };
  try {
    await connection.ask(call, (client) => client.send(withContentSum(new PutObjectCommand(input), sha256), call));
  } catch (error) {
    throw asksRetentionInVain(input, error) ? noRetentionError(call.what, connection.bucket, error) : error;
  }
}

/** Buckets without object lock refuse retention with a code that says little. */
function asksRetentionInVain({ ObjectLockMode: mode }: PutObjectCommandInput, error: unknown): error is HoldfastError {
  return mode !== undefined && error instanceof HoldfastError && refusalsOfRetention.has(String(error.context['s3Code']));
}

function noRetentionError(what: string, bucket: string, cause: HoldfastError): HoldfastError {
  return new HoldfastError('unsupported', `${what} failed: the bucket ${bucket} takes no retention for its objects`, {
    hint: 'A bucket must be made with object lock: leave -o s3.object-lock away, or use another bucket.',
    context: cause.context,
    cause,
  });
}

function withContentSum(command: PutObjectCommand, sha256: string): PutObjectCommand {
  command.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { headers: Record<string, string> };
      request.headers['x-amz-content-sha256'] = sha256;
      return await next(args);
    },
    { step: 'build', name: 'contentSum' },
  );
  return command;
}

function lengthOf(body: Uint8Array | StagedBody, what: string): number {
  const length = body instanceof Uint8Array ? body.length : body.sizeBytes;
  if (length <= maxObjectBytes) return length;
  throw new HoldfastError('unsupported', `${what} failed: S3 takes 5 GiB in one object at most, and this has ${length} bytes`);
}

async function md5Of(body: Uint8Array | StagedBody): Promise<string> {
  const hash = createHash('md5');
  if (body instanceof Uint8Array) hash.update(body);
  else for await (const piece of createReadStream(body.path) as AsyncIterable<Buffer>) hash.update(piece);
  return hash.digest('base64');
}
