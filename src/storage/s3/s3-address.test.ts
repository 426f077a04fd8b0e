import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HoldfastError } from '../../base/errors.ts';
import { parseS3Address } from './s3-address.ts';
import { chooseEndpoint, urlInRegion } from './s3-endpoint.ts';

describe('parseS3Address', () => {
  it('takes the forms of restic', () => {
    const forms: Record<string, readonly [isSecure: boolean, host: string, bucket: string, prefix: string]> = {
      '//s3.example.org/bucket': [true, 's3.example.org', 'bucket', ''],
      '//s3.example.org/bucket/': [true, 's3.example.org', 'bucket', ''],
      's3.example.org/bucket/one/two/': [true, 's3.example.org', 'bucket', 'one/two'],
      'localhost:9000/bucket': [true, 'localhost:9000', 'bucket', ''],
      'https://host/bucket': [true, 'host', 'bucket', ''],
      'https://host:9999/bucket/one': [true, 'host:9999', 'bucket', 'one'],
      'http://host:9999/bucket/one/two': [false, 'host:9999', 'bucket', 'one/two'],
      'http://[::1]:9999/bucket/with%20space': [false, '[::1]:9999', 'bucket', 'with space'],
      'host/bucket/one//two/./three/../four/': [true, 'host', 'bucket', 'one/two/four'],
      'eu-central-1/bucket/one': [true, 's3.eu-central-1.amazonaws.com', 'bucket', 'one'],
      'cn-north-1/bucket': [true, 's3.cn-north-1.amazonaws.com.cn', 'bucket', ''],
    };
    for (const [text, expected] of Object.entries(forms)) {
      const { isSecure, host, bucket, prefix } = parseS3Address(text);
      assert.deepEqual([isSecure, host, bucket, prefix], expected, text);
    }
    assert.equal(parseS3Address('host/bucket/one/').printable, 's3:https://host/bucket/one');
  });

  it('refuses what is no address of a bucket, without repeating it', () => {
    const unusable = [
      '',
      '/',
      '//',
      '///bucket',
      'host',
      'host/',
      'https://host',
      'https://host/',
      'https:///bucket',
      'https://host/b?secret=1',
    ];
    for (const text of [
      ...unusable,
      'https://key:secret@host/bucket',
      'secret@host/bucket',
      'host/bucket/../../secret',
      'https://host/%E0%A4%A/x',
    ]) {
      assert.throws(
        () => parseS3Address(text),
        (error) => error instanceof HoldfastError && error.code === 'usage' && !`${error.message} ${error.hint}`.includes('secret'),
        text,
      );
    }
  });
});

describe('chooseEndpoint', () => {
  const regionOf = (location: string, usualRegion?: string): string =>
    chooseEndpoint(parseS3Address(location), { lookup: 'auto', usualRegion }).region;

  it('finds the region in what was asked for, the host, the variables, in this order', () => {
    assert.equal(regionOf('s3.eu-west-1.amazonaws.com/bucket', 'us-west-2'), 'eu-west-1');
    assert.equal(regionOf('s3-eu-west-1.amazonaws.com/bucket'), 'eu-west-1');
    assert.equal(regionOf('s3.dualstack.eu-west-1.amazonaws.com/bucket'), 'eu-west-1');
    assert.equal(regionOf('s3.amazonaws.com/bucket', 'us-west-2'), 'us-west-2');
    assert.equal(regionOf('s3.amazonaws.com/bucket'), 'us-east-1');
    assert.equal(regionOf('s3.us-west-004.backblazeb2.com/bucket'), 'us-west-004');
    assert.equal(regionOf('backup.example.org/bucket'), 'us-east-1');
    const asked = chooseEndpoint(parseS3Address('s3.eu-west-1.amazonaws.com/bucket'), { lookup: 'auto', region: 'eu-west-3' });
    assert.deepEqual([asked.region, asked.isRegionFixed], ['eu-west-3', true]);
  });

  it('puts the bucket into the name of the host where that is needed or asked for', () => {
    const isPathStyle = (location: string, lookup: 'auto' | 'dns' | 'path'): boolean =>
      chooseEndpoint(parseS3Address(location), { lookup }).isPathStyle;
    assert.equal(isPathStyle('s3.amazonaws.com/bucket', 'auto'), false);
    assert.equal(isPathStyle('s3.amazonaws.com/with.dots', 'auto'), true);
    assert.equal(isPathStyle('s3.amazonaws.com/bucket', 'path'), true);
    assert.equal(isPathStyle('minio.example.org:9000/bucket', 'auto'), true);
    assert.equal(isPathStyle('minio.example.org:9000/bucket', 'dns'), false);
  });

  it('names the host of a region for the general one of Amazon alone', () => {
    assert.equal(urlInRegion('https://s3.amazonaws.com', 'eu-west-1'), 'https://s3.eu-west-1.amazonaws.com');
    assert.equal(urlInRegion('https://s3.example.org', 'eu-west-1'), 'https://s3.example.org');
  });
});
