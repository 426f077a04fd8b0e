/**
 * What a location of the kind `s3:` says, in restic's forms: `https://host:port/bucket/prefix`, `host/bucket/prefix`,
 * `//host/bucket/prefix`. A host may also be the name of a region of Amazon's.
 */
import { posix } from 'node:path';
import { HoldfastError } from '../../base/errors.ts';

export interface S3Address {
  readonly isSecure: boolean;
  /** With the port, where one was given. */
  readonly host: string;
  readonly bucket: string;
  /** Before the names of all files: empty, or without a slash at its end. */
  readonly prefix: string;
  /** For people. */
  readonly printable: string;
}

/** @param text what follows `s3:`. @throws HoldfastError `usage`, without repeating the text */
export function parseS3Address(text: string): S3Address {
  const isUrl = /^https?:\/\//i.test(text);
  const [, endpoint = '', path = ''] = /^([^/]*)(.*)$/s.exec(text.replace(/^\/\//, '')) ?? [];
  const url = URL.parse(isUrl ? text : `https://${endpoint}/`);
  if (url === null || url.hostname === '' || url.search !== '' || url.hash !== '') throw unusable();
  if (url.username !== '' || url.password !== '') throw keysInLocation();
  const [bucket = '', ...rest] = (isUrl ? decode(url.pathname) : path).slice(1).split('/');
  if (bucket === '') throw unusable();
  const isSecure = url.protocol === 'https:';
  const host = isRegion(url.host) ? `s3.${url.host}.amazonaws.com${url.host.startsWith('cn-') ? '.cn' : ''}` : url.host;
  const prefix = cleanPrefix(rest.join('/'));
  const printable = `s3:${isSecure ? 'https' : 'http'}://${host}/${bucket}${prefix === '' ? '' : `/${prefix}`}`;
  return { isSecure, host, bucket, prefix, printable };
}

/** `eu-central-1`: no host has such a name. */
function isRegion(host: string): boolean {
  return /^[a-z]{2}(?:-[a-z]+){1,2}-\d{1,2}$/.test(host);
}

/** As restic: what leads nowhere is taken out, so that both find the same objects. */
function cleanPrefix(text: string): string {
  const clean = text === '' ? '' : posix.normalize(text).replace(/\/$/, '');
  if (clean === '.') return '';
  if (clean.split('/').includes('..')) throw unusable();
  return clean;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable();
  }
}

function unusable(): HoldfastError {
  return new HoldfastError('usage', 'the location of the repository is not a usable address of a bucket', {
    hint: 'Write it as s3:https://host:port/bucket/folder or s3:s3.eu-central-1.amazonaws.com/bucket/folder.',
  });
}

function keysInLocation(): HoldfastError {
  return new HoldfastError('usage', 'the location of the repository holds a user or a password, which are not for S3', {
    hint: 'Give the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in a profile.',
  });
}
