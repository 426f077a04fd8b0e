/** Where requests for a bucket go and for which region they are signed, from the location and what was asked for. */
import type { S3Address } from './s3-address.ts';

export const bucketLookups = ['auto', 'dns', 'path'] as const;
export type BucketLookup = (typeof bucketLookups)[number];

export interface S3Endpoint {
  readonly url: string;
  readonly region: string;
  /** Somebody named it, so no other one is tried. */
  readonly isRegionFixed: boolean;
  /** `https://host/bucket/name`, not `https://bucket.host/name`. */
  readonly isPathStyle: boolean;
}

export interface EndpointChoice {
  readonly region?: string | undefined;
  readonly lookup: BucketLookup;
  /** Of the variables that say it for all programs. */
  readonly usualRegion?: string | undefined;
}

/** What S3 itself and most others take for "whichever". */
const defaultRegion = 'us-east-1';
/** Hosts that want the bucket in the name of the host; as in restic. */
const dnsStyleHosts = /\.(?:amazonaws\.com(?:\.cn)?|aliyuncs\.com)$|(?:^|\.)storage\.googleapis\.com$/;
/** `s3.eu-central-1.amazonaws.com`, `s3-eu-west-1.…`, `s3.dualstack.eu-west-1.…` */
const amazonRegion = /(?:^|\.)s3(?:-fips)?[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com(?:\.cn)?$/;
/** Others have the habit, too: `s3.us-west-004.backblazeb2.com`, `s3.fr-par.scw.cloud`. */
const probableRegion = /^s3[.-]([a-z0-9]+(?:-[a-z0-9]+)+)\.[a-z]/;

export function chooseEndpoint({ isSecure, host, bucket }: S3Address, { region, lookup, usualRegion }: EndpointChoice): S3Endpoint {
  const hostname = host.replace(/:\d+$/, '');
  const ofHost = amazonRegion.exec(hostname)?.[1];
  // A certificate for *.host is none for a.b.host.
  const isDnsStyle = lookup === 'dns' || (lookup === 'auto' && dnsStyleHosts.test(hostname) && !(isSecure && bucket.includes('.')));
  return {
    url: `${isSecure ? 'https' : 'http'}://${host}`,
    region: region ?? ofHost ?? usualRegion ?? probableRegion.exec(hostname)?.[1] ?? defaultRegion,
    isRegionFixed: region !== undefined,
    isPathStyle: !isDnsStyle,
  };
}

/** The host of another region of Amazon's, for the general one: there alone a bucket of that region is served. */
export function urlInRegion(url: string, region: string): string {
  return url.replace(/^(https?:\/\/s3)\.amazonaws\.com$/, `$1.${region}.amazonaws.com`);
}
