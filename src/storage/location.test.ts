import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HoldfastError } from '../base/errors.ts';
import { parseLocation, printableLocation } from './location.ts';

describe('parseLocation', () => {
  it('takes paths, local: and file URLs as local folders', () => {
    const paths: Record<string, string> = {
      '/srv/repo': '/srv/repo',
      repo: 'repo',
      './with:colon': './with:colon',
      '../up': '../up',
      '/with:colon': '/with:colon',
      'local:/srv/repo': '/srv/repo',
      'local:relative:name': 'relative:name',
      'file:///srv/my%20repo': '/srv/my repo',
    };
    for (const [text, path] of Object.entries(paths)) assert.deepEqual(parseLocation(text), { kind: 'local', path });
  });

  it('refuses the other backends of restic by name, without repeating a password', () => {
    for (const text of ['gs:x:secret', 'b2:secret', 'azure:secret:/']) {
      assert.throws(
        () => parseLocation(text),
        (error) => {
          assert.ok(error instanceof HoldfastError);
          assert.equal(error.code, 'unsupported');
          assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.context]), /secret/);
          return true;
        },
      );
    }
  });

  it('takes what follows rest: as an address', () => {
    assert.deepEqual(parseLocation('rest:https://u:p@h:8000/x/'), { kind: 'rest', address: 'https://u:p@h:8000/x/' });
  });

  it('takes what follows rclone: as a remote, and shows none of the options that may be secrets', () => {
    assert.deepEqual(parseLocation('rclone:box:backup/laptop'), { kind: 'rclone', remote: 'box:backup/laptop' });
    assert.equal(printableLocation('rclone:box:backup/laptop'), 'rclone:box:backup/laptop');
    assert.equal(printableLocation('rclone::sftp,host=h,pass=secret:backup'), 'rclone::sftp,***:backup');
    assert.equal(printableLocation('rclone:box,token=secret,x="a:b":backup'), 'rclone:box,***:backup');
  });

  it('takes what follows ssh: as an address', () => {
    assert.deepEqual(parseLocation('ssh:u@h:2222/x'), { kind: 'ssh', address: 'u@h:2222/x' });
  });

  it('takes what follows s3: as an address', () => {
    assert.deepEqual(parseLocation('s3:host/bucket/folder'), { kind: 's3', address: 'host/bucket/folder' });
    assert.deepEqual(parseLocation('S3://host/bucket'), { kind: 's3', address: '//host/bucket' });
  });

  it('takes what follows sftp: as an address', () => {
    assert.deepEqual(parseLocation('sftp:u@h:/p'), { kind: 'sftp', address: 'u@h:/p' });
    assert.deepEqual(parseLocation('sftp://u@h:22/p'), { kind: 'sftp', address: '//u@h:22/p' });
  });

  it('refuses what is no location', () => {
    for (const text of ['', 'local:', 'http://u:secret@h/', 'C:\\repo', 'a:b', 'file://host/p', '/a\0b']) {
      assert.throws(
        () => parseLocation(text),
        (error) => error instanceof HoldfastError && error.code === 'usage' && !error.message.includes('secret'),
        text,
      );
    }
  });
});

describe('printableLocation', () => {
  it('hides user and password, and leaves paths alone', () => {
    assert.equal(printableLocation('rest:https://user:p@ss@host:8000/x'), 'rest:https://***@host:8000/x');
    assert.equal(printableLocation('sftp:user:pass@host:/p'), 'sftp:***@host:/p');
    assert.equal(printableLocation('/path/with@sign'), '/path/with@sign');
    assert.equal(printableLocation('local:/path/with@sign'), 'local:/path/with@sign');
    assert.equal(printableLocation('s3:s3.example.org/bucket'), 's3:s3.example.org/bucket');
  });
});
