/** Builds the backend for a bucket of an S3 server. Loaded only when a location names one. */
import type { StorageClass } from '@aws-sdk/client-s3';
import { systemClock, systemRandomness } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import { ignoreEvents } from '../base/events.ts';
import type { Backend } from '../storage/backend.ts';
import type { S3Location } from '../storage/location.ts';
import { parseS3Address } from '../storage/s3/s3-address.ts';
import { S3Backend } from '../storage/s3/s3-backend.ts';
import { S3Connection } from '../storage/s3/s3-connection.ts';
import { bucketLookups, chooseEndpoint, type EndpointChoice } from '../storage/s3/s3-endpoint.ts';
import { type Retention, retentionModes, type UploadRules } from '../storage/s3/upload-rules.ts';
import { defaultRetryBudgetMs, RetryBackend } from '../storage/wrappers/retry-backend.ts';
import { farStaging } from './far-staging.ts';
import { chooseCredentials } from './s3-credentials.ts';
import {
  choiceOption,
  countOption,
  defaultConnections,
  defaultStallMs,
  extendedOptions,
  flagOption,
  type StorageOptions,
} from './storage-options.ts';
import { readTls } from './tls-settings.ts';
import { transferPaces } from './transfer-paces.ts';

const known = [
  'connections',
  'region',
  'bucket-lookup',
  'storage-class',
  'list-objects-v1',
  'object-lock',
  'object-lock-days',
  'unsafe-anonymous-auth',
];

type Given = ReadonlyMap<string, string>;

/** @throws HoldfastError `usage` for what is no address, an unusable option or certificate file */
export async function openS3({ address: text }: S3Location, options: StorageOptions): Promise<Backend> {
  const address = parseS3Address(text);
  const { clock = systemClock, random = systemRandomness, events = ignoreEvents, retryMs = defaultRetryBudgetMs } = options;
  const given = extendedOptions('s3', options.extended ?? [], known);
  const rules = uploadRules(given);
  const endpoint = chooseEndpoint(address, endpointChoice(given, options));
  const connection = new S3Connection({
    endpoint,
    bucket: address.bucket,
    credentials: await chooseCredentials(flagOption(given, 'unsafe-anonymous-auth'), endpoint.region, options),
    tls: await readTls(options),
    connections: countOption(given, 'connections', defaultConnections),
    stallMs: options.stallMs ?? defaultStallMs,
    paces: transferPaces(options),
    location: address.printable,
  });
  const listsByFirstVersion = flagOption(given, 'list-objects-v1');
  const backend = new S3Backend({ connection, prefix: address.prefix, rules, listsByFirstVersion, staging: farStaging(options), clock });
  return new RetryBackend(backend, { budgetMs: retryMs, clock, random, events });
}

function endpointChoice(given: Given, { environment = process.env }: StorageOptions): EndpointChoice {
  return {
    region: given.get('region'),
    lookup: choiceOption(given, 'bucket-lookup', bucketLookups) ?? 'auto',
    usualRegion: environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'],
  };
}

function uploadRules(given: Given): UploadRules {
  // Providers have classes of their own beside Amazon's.
  return { storageClass: given.get('storage-class') as StorageClass | undefined, retention: retentionOf(given) };
}

/** A retention without days, or days without a retention, is a mistake that nobody would notice before it is too late. */
function retentionOf(given: Given): Retention | undefined {
  const mode = choiceOption(given, 'object-lock', retentionModes);
  const days = given.has('object-lock-days') ? countOption(given, 'object-lock-days', 1) : undefined;
  if (mode === undefined && days === undefined) return undefined;
  if (mode !== undefined && days !== undefined) return { mode, days };
  throw new HoldfastError('usage', 'the extended options "s3.object-lock" and "s3.object-lock-days" go together, and one is missing', {
    hint: 'Write both, as in -o s3.object-lock=governance -o s3.object-lock-days=30.',
  });
}
