/** Locations, options and keys: what is refused before anybody is asked. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HoldfastError } from '../base/errors.ts';
import { openBackend } from './open-backend.ts';
import { chooseCredentials } from './s3-credentials.ts';

const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'the-secret' };

async function refusalOf(location: string, extended: readonly string[] = []): Promise<string> {
  const error = await openBackend(location, { extended, environment: keys }).then(
    () => assert.fail(`${location} ${extended.join(' ')} was taken`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof HoldfastError && error.code === 'usage', String(error));
  return `${error.message} ${error.hint}`;
}

describe('openS3', () => {
  it('refuses options that make no sense', async () => {
    const unusable = ['connections=0', 'speed=9', 'bucket-lookup=somewhere', 'list-objects-v1=perhaps', 'object-lock=forever'];
    for (const option of unusable) assert.match(await refusalOf('s3:http://127.0.0.1:9/bucket', [`s3.${option}`]), /is not usable/, option);
    for (const option of ['object-lock=governance', 'object-lock-days=9']) {
      assert.match(await refusalOf('s3:http://127.0.0.1:9/bucket', [`s3.${option}`]), /one is missing/);
    }
  });

  it('refuses locations that are none, and does not repeat what may be a key', async () => {
    for (const location of ['s3:', 's3:host', 's3:https://key:the-secret@host/bucket']) {
      const words = await refusalOf(location);
      assert.match(words, /not a usable address|not for S3/);
      assert.doesNotMatch(words, /the-secret/);
    }
  });

  it('passes over what is said for other kinds of storage', async () => {
    await (await openBackend('s3:http://127.0.0.1:9/bucket/one', { extended: ['rest.connections=9'], environment: keys })).close();
  });
});

describe('chooseCredentials', () => {
  it('takes the names of Amazon before those of MinIO, and a pair only whole', async () => {
    const minio = { MINIO_ACCESS_KEY: 'minio', MINIO_SECRET_KEY: 'its-secret' };
    const chosen = async (environment: Record<string, string>): Promise<unknown> => await chooseCredentials(false, 'r', { environment });
    assert.deepEqual(await chosen({ ...minio, ...keys, AWS_SESSION_TOKEN: 'token' }), {
      accessKeyId: 'id',
      secretAccessKey: 'the-secret',
      sessionToken: 'token',
    });
    assert.deepEqual(await chosen({ ...minio, AWS_ACCESS_KEY_ID: 'id' }), { accessKeyId: 'minio', secretAccessKey: 'its-secret' });
    assert.equal(await chosen({ AWS_ACCESS_KEY_ID: 'id' }), undefined);
    assert.equal(await chooseCredentials(true, 'r', { environment: keys }), 'anonymous');
  });
});
