/** What the refusals of an S3 server mean, in the words of the backend contract. */
import type { IncomingMessage } from 'node:http';
import { type ErrorCode, HoldfastError } from '../../base/errors.ts';
import { readRetryAfter } from '../http-errors.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly fact: string;
  readonly hint?: string;
  readonly isRetryable?: boolean;
}

const noKeys: Meaning = {
  code: 'storage-denied',
  fact: 'wants keys, and none were found',
  hint: 'Give them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in a profile (AWS_PROFILE); -o s3.unsafe-anonymous-auth=true does without.',
};
const wrongKeys = 'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile, and that the keys are those of this server.';
const oldToken: Meaning = {
  code: 'storage-denied',
  fact: 'does not accept the session token, or it has expired',
  hint: 'Get new temporary keys; without any, AWS_SESSION_TOKEN must not be set.',
};
const denied: Meaning = {
  code: 'storage-denied',
  fact: 'does not allow it',
  hint: 'Check what the keys may do in this bucket: docs/servers.md has the list.',
};
const busy: Meaning = { code: 'storage-failed', fact: 'has too many requests', isRetryable: true };
const failing: Meaning = { code: 'storage-failed', fact: 'failed itself', isRetryable: true };
const garbled: Meaning = { code: 'storage-failed', fact: 'did not get the content as it was sent', isRetryable: true };
const conflict: Meaning = { code: 'storage-failed', fact: 'is at work on the same object for somebody else', isRetryable: true };
const full: Meaning = {
  code: 'storage-full',
  fact: 'has no room left for it',
  hint: 'Have room made or the quota raised, then run it again: finished work is kept.',
};
const wrongRegion: Meaning = {
  code: 'storage-failed',
  fact: 'expects requests for this bucket at another address or for another region',
  hint: 'Name the region with -o s3.region, or the address of the region in the location.',
};
const missing: Meaning = { code: 'storage-missing', fact: 'does not have it' };
const unknownKey: Meaning = { code: 'storage-denied', fact: 'does not know the access key', hint: wrongKeys };
const unknownRequest: Meaning = { code: 'unsupported', fact: 'does not know this kind of request' };

/** By the codes of Amazon's list of errors, of Ceph, MinIO and Versity's gateway. */
const meanings: Readonly<Record<string, Meaning>> = {
  AccessDenied: denied,
  AllAccessDisabled: denied,
  Forbidden: denied,
  InvalidAccessKeyId: unknownKey,
  XAdminUserNotFound: unknownKey,
  SignatureDoesNotMatch: { code: 'storage-denied', fact: 'does not accept the secret key', hint: wrongKeys },
  CredentialsProviderError: noKeys,
  ExpiredToken: oldToken,
  ExpiredTokenException: oldToken,
  InvalidToken: oldToken,
  TokenRefreshRequired: oldToken,
  RequestTimeTooSkewed: {
    code: 'storage-failed',
    fact: 'has another time than this machine',
    hint: 'Set the clock of this machine: it may be wrong by 15 minutes at most.',
  },
  // Whatever else has the status 404 is no word on the file: nothing must be taken for missing that is only out of reach.
  NoSuchKey: missing,
  NotFound: missing,
  NoSuchBucket: {
    code: 'storage-missing',
    fact: 'has no such bucket',
    hint: 'Check the name of the bucket; init makes one that is missing.',
  },
  BucketAlreadyExists: { code: 'storage-denied', fact: 'has given that name to the bucket of somebody else', hint: 'Choose another name.' },
  InvalidBucketName: {
    code: 'usage',
    fact: 'does not take the name of the bucket',
    hint: 'Names have 3 to 63 small letters, digits and hyphens.',
  },
  InvalidObjectState: {
    code: 'storage-failed',
    fact: 'has put it into an archive',
    hint: 'Have the objects of the bucket restored from the archive first, with the tools of the provider.',
  },
  InvalidRange: { code: 'damaged', fact: 'has fewer bytes than were asked for' },
  SlowDown: busy,
  Throttling: busy,
  TooManyRequests: busy,
  RequestLimitExceeded: busy,
  InternalError: failing,
  ServiceUnavailable: failing,
  RequestTimeout: { code: 'storage-failed', fact: 'waited too long for the request', isRetryable: true },
  BadDigest: garbled,
  IncompleteBody: garbled,
  XAmzContentSHA256Mismatch: garbled,
  ConditionalRequestConflict: conflict,
  OperationAborted: conflict,
  QuotaExceeded: full,
  EntityTooLarge: { ...full, fact: 'does not take so large an object', hint: 'Use a smaller --pack-size.' },
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  InvalidLocationConstraint: { ...wrongRegion, fact: 'does not know the region' },
  InvalidRegion: wrongRegion,
  PermanentRedirect: wrongRegion,
  TemporaryRedirect: { ...wrongRegion, isRetryable: true },
  NotImplemented: unknownRequest,
  MethodNotAllowed: unknownRequest,
};

/** Answers to HEAD have no body, and proxies know no codes. */
const statusMeanings: Readonly<Record<number, Meaning>> = {
  301: wrongRegion,
  307: { ...wrongRegion, isRetryable: true },
  401: denied,
  403: denied,
  405: unknownRequest,
  408: { code: 'storage-failed', fact: 'waited too long for the request', isRetryable: true },
  409: conflict,
  413: full,
  429: busy,
  501: unknownRequest,
  503: busy,
  507: full,
};

export interface S3Failure {
  readonly what: string;
  readonly location: string;
  readonly bucket: string;
  readonly answer: IncomingMessage | undefined;
  readonly error: unknown;
}

/** @param failure `error` is what the SDK threw */
export function s3Error({ what, location, bucket, answer, error }: S3Failure): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const name = codeOf(error);
  const status = statusOf(error, answer);
  const { code, fact, hint, isRetryable = false } = meaningOf(name, status, error);
  const retryAfterMs = readRetryAfter(answer?.headers['retry-after']);
  const shown = status === undefined ? name : isCode(name) && meanings[name] !== undefined ? name : `HTTP ${status}`;
  return new HoldfastError(code, `${what} failed: the server of ${location} ${fact} (${shown})`, {
    ...(hint === undefined ? {} : { hint }),
    context: {
      bucket,
      ...(isCode(name) ? { s3Code: name } : {}),
      ...(status === undefined ? {} : { status }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
    isRetryable,
  });
}

/** The code of a refusal, as in `NoSuchKey`; the class of an error where there was no answer. */
export function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : 'Error';
}

/** Undefined where no server answered. */
export function statusOf(error: unknown, answer: IncomingMessage | undefined): number | undefined {
  const metadata = error instanceof Error && '$metadata' in error ? error.$metadata : undefined;
  const told = typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata ? metadata.httpStatusCode : undefined;
  return typeof told === 'number' ? told : answer?.statusCode;
}

const regionCodes = new Set([
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'InvalidRegion',
  'PermanentRedirect',
  'SignatureDoesNotMatch',
]);

/** Whether a refusal may come from a request that was signed for, or sent to, another region than the bucket's. */
export function speaksOfRegion(error: unknown, answer: IncomingMessage | undefined): boolean {
  const status = statusOf(error, answer);
  return regionCodes.has(codeOf(error)) || status === 301 || (status === 400 && answer?.headers['x-amz-bucket-region'] !== undefined);
}

/** The region that a refusal names. */
export function regionOf(error: unknown, answer: IncomingMessage | undefined): string | undefined {
  const header = answer?.headers['x-amz-bucket-region'];
  const named = error instanceof Error && 'Region' in error ? error.Region : undefined;
  const region = typeof header === 'string' ? header : named;
  return typeof region === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(region) ? region : undefined;
}

function meaningOf(name: string, status: number | undefined, error: unknown): Meaning {
  const known = Object.hasOwn(meanings, name) ? meanings[name] : undefined;
  if (known !== undefined) return known;
  const byStatus = status === undefined ? undefined : statusMeanings[status];
  if (byStatus !== undefined) return byStatus;
  if (status === undefined) return withoutAnswer(error);
  if (status >= 500) return failing;
  const hint = 'Check that the address is that of an S3 server and the bucket, and what stands between.';
  if (status < 300) return { code: 'storage-failed', fact: 'gave an answer that cannot be read', hint };
  return { code: 'storage-failed', fact: `refused it${isCode(name) ? ` with ${name}` : ''}`, hint };
}

/** The SDK gave up before a request was made: its own words say why, and hold what was configured, no secret. */
function withoutAnswer(error: unknown): Meaning {
  const words = error instanceof Error ? error.message : String(error);
  return { code: 'storage-failed', fact: `was not asked: ${words.replaceAll(/\s+/g, ' ').slice(0, 200)}` };
}

/** Codes are words; whatever else a server sends is not repeated. */
function isCode(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9]{2,60}$/.test(name) && name !== 'Error' && name !== 'UnknownError' && name !== 'Unknown';
}
