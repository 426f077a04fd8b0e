/** What restic's server never does: answers that are cut, lost, late, or of the first version of the protocol. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock, systemRandomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { StoredFile } from '../backend.ts';
import { StagingArea } from '../staging-area.ts';
import { RetryBackend } from '../wrappers/retry-backend.ts';
import { readRetryAfter } from '../http-errors.ts';
import { parseRestAddress } from './rest-address.ts';
import { RestBackend } from './rest-backend.ts';
import { RestClient } from './rest-client.ts';
import { protocolVersion2 } from './rest-transport.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const bytes = randomBytes(300_000);
const file: StoredFile = { kind: 'pack', name: createHash('sha256').update(bytes).digest('hex') };

async function backendBefore(t: TestContext, answer: Answer, stallMs = 5000): Promise<RestBackend> {
  const server = createServer(answer);
  server.on('checkContinue', answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const address = parseRestAddress(`http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}/r/`);
  const client = new RestClient({ address, username: '', password: '', tls: { isUnverified: false }, connections: 5, stallMs });
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-rest-unit-'));
  const staging = new StagingArea({ parent, makesParent: false, clock: systemClock, random: systemRandomness });
  const backend = new RestBackend({ client, location: address.printable, staging });
  t.after(async () => {
    await backend.close();
    server.closeAllConnections();
    server.close();
    await rm(parent, { recursive: true, force: true });
  });
  return backend;
}

async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  return error;
}

describe('RestBackend', () => {
  it('takes a download that breaks off for a failure that may pass', async (t) => {
    const backend = await backendBefore(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': bytes.length });
      response.write(bytes.subarray(0, 1000), () => response.destroy());
    });
    const error = await failureOf(backend.load(file));
    assert.deepEqual([error.code, error.isRetryable], ['storage-failed', true]);
  });

  it('reads parts from a server that knows no ranges', async (t) => {
    const backend = await backendBefore(
      t,
      (_request, response) => void response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes),
    );
    assert.deepEqual(await backend.load(file, { offset: 7, length: 11 }), bytes.subarray(7, 18));
    assert.deepEqual(await backend.load(file, { offset: 299_990 }), bytes.subarray(299_990));
    assert.equal((await failureOf(backend.load(file, { offset: 299_990, length: 11 }))).code, 'damaged');
  });

  it('refuses another part than it asked for', async (t) => {
    const backend = await backendBefore(t, (_request, response) => {
      response.writeHead(206, { 'Content-Length': 11, 'Content-Range': `bytes 0-10/${bytes.length}` }).end(bytes.subarray(0, 11));
    });
    assert.match((await failureOf(backend.load(file, { offset: 7, length: 11 }))).message, /another part of the file/);
  });

  it('asks for sizes one by one where the list has none, unless only names are wanted', async (t) => {
    const names = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
    const seen: string[] = [];
    const backend = await backendBefore(t, (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      if (request.method === 'HEAD') response.writeHead(200, { 'Content-Length': 5 }).end();
      else response.end(JSON.stringify([...names, 'no id']));
    });
    assert.deepEqual(
      await Array.fromAsync(backend.list('index')),
      names.map((name) => ({ name, sizeBytes: 5 })),
    );
    assert.equal(seen.length, 4);
    assert.equal((await Array.fromAsync(backend.list('index', { namesOnly: true }))).length, 3);
    assert.equal(seen.length, 5);
  });

  it('takes no list that is cut short for a whole one', async (t) => {
    const whole = JSON.stringify([
      { name: 'a'.repeat(64), size: 1 },
      { name: 'b'.repeat(64), size: 2 },
    ]);
    let sent = '';
    const backend = await backendBefore(
      t,
      (_request, response) => void response.writeHead(200, { 'Content-Type': protocolVersion2 }).end(sent),
    );
    for (let length = 1; length < whole.length; length++) {
      sent = whole.slice(0, length);
      assert.equal((await failureOf(Array.fromAsync(backend.list('index')))).code, 'storage-failed', sent);
    }
    sent = whole;
    assert.equal((await Array.fromAsync(backend.list('index'))).length, 2);
  });

  it('finds an upload whose answer was lost, also on a server that stores nothing twice', async (t) => {
    let stored: Buffer | undefined;
    const backend = await backendBefore(t, (request, response) => {
      if (request.method === 'HEAD')
        return void response.writeHead(stored === undefined ? 404 : 200, { 'Content-Length': stored?.length ?? 0 }).end();
      if (stored !== undefined) return void response.writeHead(403).end();
      response.writeContinue();
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        stored = Buffer.concat(pieces);
        response.destroy();
      });
    });
    const retrying = new RetryBackend(backend, { budgetMs: 5000, clock: systemClock, random: systemRandomness, events: () => {} });
    const staged = join(await backend.stagingFolder(), 'pack');
    await writeFile(staged, bytes);
    await retrying.adopt(file, staged);
    assert.deepEqual(stored, bytes);
  });

  it('does not take a file of another size for the one that it saves', async (t) => {
    const backend = await backendBefore(t, (request, response) => {
      response.writeHead(request.method === 'HEAD' ? 200 : 403, { 'Content-Length': request.method === 'HEAD' ? 5 : 0 }).end();
    });
    assert.equal((await failureOf(backend.save(file, bytes))).code, 'damaged');
  });

  it('hears why a large upload is refused before it is sent', async (t) => {
    let received = 0;
    const backend = await backendBefore(t, (request, response) => {
      request.on('data', (piece: Buffer) => (received += piece.length));
      response.writeHead(507).end();
    });
    const error = await failureOf(backend.save(file, bytes));
    assert.deepEqual([error.code, error.isRetryable, received], ['storage-full', false, 0]);
  });

  it('passes on how long a busy server wants to be left alone', async (t) => {
    const backend = await backendBefore(t, (_request, response) => void response.writeHead(503, { 'Retry-After': '7' }).end());
    const error = await failureOf(backend.load(file));
    assert.deepEqual([error.code, error.isRetryable, error.context['retryAfterMs']], ['storage-failed', true, 7000]);
    assert.equal(readRetryAfter('Wed, 21 Oct 2015 07:28:00 GMT', Date.parse('2015-10-21T07:27:30Z')), 30_000);
    assert.equal(readRetryAfter('soon'), undefined);
  });

  it('gives a connection up on which nothing moves', async (t) => {
    const backend = await backendBefore(t, (_request, response) => void response.writeHead(200, { 'Content-Length': 9 }).write('a'), 300);
    const error = await failureOf(backend.load(file));
    assert.equal(error.isRetryable, true, error.message);
    const silent = await backendBefore(t, () => {}, 300);
    assert.match((await failureOf(silent.load(file))).message, /nothing came from or went to/);
  });

  it('ends a download as cancelled when the signal fires in the middle', async (t) => {
    const controller = new AbortController();
    const backend = await backendBefore(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': bytes.length });
      response.write(bytes.subarray(0, 1000), () => setTimeout(() => controller.abort(), 50));
    });
    assert.equal((await failureOf(backend.load(file, { signal: controller.signal }))).code, 'cancelled');
  });

  it('renews a lock while all connections are busy with packs', async (t) => {
    const backend = await backendBefore(t, (request, response) => {
      if (request.url?.startsWith('/r/locks/') === true) response.end();
    });
    const ended = new AbortController();
    const stuck = Promise.allSettled(Array.from({ length: 12 }, () => backend.load(file, { signal: ended.signal })));
    await backend.save({ kind: 'lock', name: file.name }, Buffer.from('lock'));
    ended.abort();
    await stuck;
  });
});

describe('parseRestAddress', () => {
  it('reads hosts, ports, names, passwords and sockets', () => {
    const one = parseRestAddress('https://me:p%40ss@[::1]:8000/a%20b');
    assert.deepEqual(
      [one.isSecure, one.hostname, one.port, one.path, one.username, one.password, one.printable],
      [true, '::1', '8000', '/a%20b/', 'me', 'p@ss', 'rest:https://[::1]:8000/a%20b/'],
    );
    const socket = parseRestAddress('http+unix:///run/rest.sock:/repo');
    assert.deepEqual([socket.socketPath, socket.path, socket.isSecure], ['/run/rest.sock', '/repo/', false]);
  });
});
