/** What a good server never does: answers that are cut, lost, late or wrong, refusals of every kind. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, backendAt, backendBefore, failureOf, refuse, startServer } from '../../../test/support/answering-s3.ts';
import { systemClock, systemRandomness } from '../../base/clock.ts';
import { configFile, type StoredFile } from '../backend.ts';
import { RetryBackend } from '../wrappers/retry-backend.ts';

const bytes = randomBytes(300_000);
const file: StoredFile = { kind: 'pack', name: createHash('sha256').update(bytes).digest('hex') };

describe('S3Backend', () => {
  it('takes a download that breaks off for a failure that may pass', async (t) => {
    const backend = await backendBefore(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': bytes.length });
      response.write(bytes.subarray(0, 1000), () => response.destroy());
    });
    const error = await failureOf(backend.load(file));
    assert.deepEqual([error.code, error.isRetryable], ['storage-failed', true]);
  });

  it('reads parts from a server that knows no ranges, and refuses another part than it asked for', async (t) => {
    const whole = await backendBefore(
      t,
      (_request, response) => void response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes),
    );
    assert.deepEqual(await whole.load(file, { offset: 7, length: 11 }), bytes.subarray(7, 18));
    assert.deepEqual(await whole.load(file, { offset: 299_990 }), bytes.subarray(299_990));
    assert.equal((await failureOf(whole.load(file, { offset: 299_990, length: 11 }))).code, 'damaged');
    const other = await backendBefore(t, (_request, response) => {
      response.writeHead(206, { 'Content-Length': 11, 'Content-Range': `bytes 0-10/${bytes.length}` }).end(bytes.subarray(0, 11));
    });
    assert.match((await failureOf(other.load(file, { offset: 7, length: 11 }))).message, /another part of the file/);
  });

  it('tells refusals apart, says whether they may pass, and repeats no secret', async (t) => {
    const refusals: readonly (readonly [status: number, code: string, expected: string, isRetryable: boolean, words: RegExp])[] = [
      [403, 'AccessDenied', 'storage-denied', false, /does not allow it \(AccessDenied\)/],
      [403, 'InvalidAccessKeyId', 'storage-denied', false, /does not know the access key/],
      [403, 'SignatureDoesNotMatch', 'storage-denied', false, /does not accept the secret key/],
      [400, 'ExpiredToken', 'storage-denied', false, /session token/],
      [403, 'RequestTimeTooSkewed', 'storage-failed', false, /another time/],
      [404, 'NoSuchBucket', 'storage-missing', false, /no such bucket/],
      [404, 'NoSuchKey', 'storage-missing', false, /is not in s3:/],
      [404, 'NoSuchThing', 'storage-failed', false, /refused it with NoSuchThing/],
      [503, 'SlowDown', 'storage-failed', true, /too many requests/],
      [500, 'InternalError', 'storage-failed', true, /failed itself/],
      [403, 'QuotaExceeded', 'storage-full', false, /no room left/],
      [507, 'XMinioStorageFull', 'storage-full', false, /no room left/],
      [403, 'InvalidObjectState', 'storage-failed', false, /archive/],
      [418, 'OfItsOwn', 'storage-failed', false, /refused it with OfItsOwn \(HTTP 418\)/],
    ];
    let current = refusals[0] ?? assert.fail();
    const backend = await backendBefore(t, (_request, response) => refuse(response, current[0], current[1], '<X>the-secret</X>'));
    for (current of refusals) {
      const error = await failureOf(backend.load(file));
      assert.deepEqual([error.code, error.isRetryable], [current[2], current[3]], current[1]);
      assert.match(error.message, current[4]);
      assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.context]), /the-secret|the-token|the-id/);
    }
  });

  it('understands pages of a proxy as little as anybody, and says so', async (t) => {
    let status = 502;
    const backend = await backendBefore(t, (_request, response) => void response.writeHead(status).end('<html><p>Bad <b>Gateway</html>'));
    const failed = await failureOf(backend.load(file));
    assert.deepEqual([failed.code, failed.isRetryable], ['storage-failed', true]);
    status = 200;
    const unreadable = await failureOf(Array.fromAsync(backend.list('index')));
    assert.equal(unreadable.code, 'storage-failed', unreadable.message);
  });

  it('passes on how long a busy server wants to be left alone', async (t) => {
    const backend = await backendBefore(t, (_request, response) => refuse(response, 503, 'SlowDown', '', { 'Retry-After': '7' }));
    assert.equal((await failureOf(backend.load(file))).context['retryAfterMs'], 7000);
  });

  it('finds the region of a bucket in the refusal, and signs for it from then on', async (t) => {
    const regions: string[] = [];
    const answer: Answer = (request, response) => {
      const region = /Credential=the-id\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
      regions.push(region);
      if (region === 'eu-west-7') response.writeHead(200, { 'Content-Length': 3 }).end('abc');
      else refuse(response, 400, 'AuthorizationHeaderMalformed', '<Region>eu-west-7</Region>');
    };
    const backend = await backendBefore(t, answer, { isRegionFixed: false });
    await Promise.all([backend.load(file), backend.load(file), backend.load(file)]);
    await backend.load(file);
    assert.equal(regions.filter((region) => region === 'eu-west-7').length, 4);
    const fixed = await backendBefore(t, answer);
    assert.match((await failureOf(fixed.load(file))).hint ?? '', /-o s3\.region/);
  });

  it('goes to the host of the region where the general one of Amazon sends it there', async (t) => {
    const seen: string[] = [];
    const port = await startServer(t, (request, response) => {
      const { host } = request.headers;
      seen.push(`${host} ${/Credential=the-id\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1]}`);
      if (host === 'bucket.s3.eu-west-7.amazonaws.com') response.writeHead(200, { 'Content-Length': 3 }).end('abc');
      else refuse(response, 301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'eu-west-7' });
    });
    const before = process.env['HTTP_PROXY'];
    process.env['HTTP_PROXY'] = `http://127.0.0.1:${port}`;
    t.after(() => {
      if (before === undefined) delete process.env['HTTP_PROXY'];
      else process.env['HTTP_PROXY'] = before;
    });
    const backend = await backendAt(t, 'http://s3.amazonaws.com', { isRegionFixed: false, isPathStyle: false });
    assert.equal((await backend.load(file)).toString(), 'abc');
    assert.deepEqual(seen, ['bucket.s3.us-east-1.amazonaws.com us-east-1', 'bucket.s3.eu-west-7.amazonaws.com eu-west-7']);
  });

  it('asks for the region where a refusal names none', async (t) => {
    const backend = await backendBefore(
      t,
      (request, response) => {
        const isRight = request.headers.authorization?.includes('/fr-par/') === true;
        const location =
          '<?xml version="1.0"?><LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">fr-par</LocationConstraint>';
        if (request.url?.includes('?location') === true) response.writeHead(200).end(location);
        else if (isRight) response.writeHead(200, { 'Content-Length': 3 }).end('abc');
        else refuse(response, 403, 'SignatureDoesNotMatch');
      },
      { isRegionFixed: false },
    );
    assert.equal((await backend.load(file)).toString(), 'abc');
  });

  it('repeats an upload whose answer was lost', async (t) => {
    let uploads = 0;
    const received: string[] = [];
    const backend = await backendBefore(t, (request, response) => {
      const hash = createHash('sha256');
      if (request.headers.expect !== undefined) response.writeContinue();
      request.on('data', (piece: Buffer) => hash.update(piece));
      request.on('end', () => {
        received.push(hash.digest('hex'));
        if (++uploads === 1) response.destroy();
        else response.end();
      });
    });
    const retrying = new RetryBackend(backend, { budgetMs: 5000, clock: systemClock, random: systemRandomness, events: () => {} });
    const staged = join(await backend.stagingFolder(), 'pack');
    await writeFile(staged, bytes);
    await retrying.adopt(file, staged);
    assert.deepEqual(received, [file.name, file.name]);
  });

  it('makes a config by a condition, and does without where the server does not know it', async (t) => {
    const conditions: (string | undefined)[] = [];
    const backend = await backendBefore(t, (request, response) => {
      if (request.method !== 'PUT') return refuse(response, 404, 'NoSuchKey');
      conditions.push(request.headers['if-none-match']);
      if (request.headers['if-none-match'] === undefined) response.end();
      else refuse(response, 501, 'NotImplemented');
    });
    await backend.save(configFile, Buffer.from('settings'));
    assert.deepEqual(conditions, ['*', undefined]);
  });

  it('takes a config that is there already for its own only when it is the same', async (t) => {
    const backend = await backendBefore(t, (_request, response) => void response.writeHead(200, { 'Content-Length': 8 }).end('settings'));
    await backend.save(configFile, Buffer.from('settings'));
    assert.equal((await failureOf(backend.save(configFile, Buffer.from('others..')))).code, 'repository-exists');
  });

  it('hears why a large upload is refused before it is sent', async (t) => {
    let received = 0;
    const backend = await backendBefore(t, (request, response) => {
      request.on('data', (piece: Buffer) => (received += piece.length));
      refuse(response, 403, 'QuotaExceeded');
    });
    const error = await failureOf(backend.save(file, bytes));
    assert.deepEqual([error.code, error.isRetryable, received], ['storage-full', false, 0]);
  });

  it('gives a connection up on which nothing moves', async (t) => {
    const cut: Answer = (_request, response) => void response.writeHead(200, { 'Content-Length': 9 }).write('a');
    for (const answer of [cut, () => {}]) {
      const backend = await backendBefore(t, answer, { stallMs: 300 });
      const error = await failureOf(backend.load(file));
      assert.match(error.message, /nothing came from or went to/);
      assert.equal(error.isRetryable, true);
    }
  });

  it('ends a download as cancelled when the signal fires in the middle', async (t) => {
    const controller = new AbortController();
    const backend = await backendBefore(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': bytes.length });
      response.write(bytes.subarray(0, 1000), () => setTimeout(() => controller.abort(), 50));
    });
    assert.equal((await failureOf(backend.load(file, { signal: controller.signal }))).code, 'cancelled');
  });

  it('uses no more connections than it may, and renews a lock while all of them are busy', async (t) => {
    const open = new Set<unknown>();
    const answer: Answer = (request, response) => {
      if (request.url?.includes('/locks/') === true) return void response.end();
      open.add(request.socket);
    };
    const backend = await backendBefore(t, answer, { connections: 3 });
    const ended = new AbortController();
    const stuck = Promise.allSettled(Array.from({ length: 12 }, () => backend.load(file, { signal: ended.signal })));
    while (open.size < 3) await delay(5);
    await backend.save({ kind: 'lock', name: file.name }, Buffer.from('lock'));
    await delay(50);
    assert.equal(open.size, 3);
    ended.abort();
    await stuck;
  });
});
