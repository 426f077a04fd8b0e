/** Uploads to the server: only what is whole and right becomes visible, and only where there is room for it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openBackend } from '../../src/app/open-backend.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ask, idOf, open, readToEnd } from '../support/raw-http.ts';
import { ServedFolder } from '../support/serve.ts';
import { makeRepository, serveHere } from '../support/served.ts';
import { runHoldfast } from '../support/holdfast.ts';

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}

describe('an upload', () => {
  it('with another content than its name promises is refused, and was never there', async (t) => {
    const { root, port } = await serveHere(t);
    const folder = makeRepository(root);
    const bytes = randomBytes(300_000);
    for (const kind of ['data', 'index', 'keys', 'locks', 'snapshots']) {
      const answer = await ask(port, { method: 'POST', path: `/r/${kind}/${'b'.repeat(64)}`, body: bytes.subarray(0, 60_000) });
      assert.equal(answer.status, 400);
      assert.match(answer.body.toString(), /SHA-256/);
    }
    assert.deepEqual(filesBelow(folder), ['config']);
    assert.equal((await ask(port, { method: 'POST', path: `/r/data/${idOf(bytes)}`, body: bytes })).status, 200);
    assert.deepEqual(filesBelow(folder), [idOf(bytes), 'config'].sort());
    assert.equal(statSync(join(folder, 'data', idOf(bytes).slice(0, 2), idOf(bytes))).mode & 0o777, 0o400);
  });

  it('that breaks off, or promises no length, or too much, leaves nothing', async (t) => {
    const { root, port } = await serveHere(t);
    const folder = makeRepository(root);
    const bytes = randomBytes(200_000);
    const socket = await open(port);
    socket.write(`POST /r/data/${idOf(bytes)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes.subarray(0, 150_000));
    await delay(100);
    socket.destroy();
    for (const [length, status] of [
      ['Transfer-Encoding: chunked', 411],
      ['Content-Length: 99999999999999', 413],
      ['Content-Length: -1', 400],
    ] as const) {
      const other = await open(port);
      other.write(`POST /r/data/${idOf(bytes)} HTTP/1.1\r\nHost: x\r\n${length}\r\n\r\n`);
      const first = await new Promise<string>((resolve) => other.once('data', (piece: Buffer) => resolve(piece.toString('latin1'))));
      assert.match(first, new RegExp(`^HTTP/1\\.1 ${status} `));
      other.destroy();
    }
    await delay(100);
    assert.deepEqual(filesBelow(folder), ['config']);
  });

  it('of a repository that nobody made is refused', async (t) => {
    const { root, port } = await serveHere(t);
    const bytes = Buffer.from('x');
    for (const path of [`/none/data/${idOf(bytes)}`, `/none/keys/${idOf(bytes)}`, '/none/config', `/data/${idOf(bytes)}`]) {
      assert.equal((await ask(port, { method: 'POST', path, body: bytes })).status, 404, path);
    }
    assert.deepEqual(readdirSync(root), []);
  });

  it('of one file by many clients at once is stored once, and all hear of success', async (t) => {
    const { root, port } = await serveHere(t);
    const folder = makeRepository(root);
    const bytes = randomBytes(500_000);
    const one = { method: 'POST', path: `/r/data/${idOf(bytes)}`, body: bytes };
    const answers = await Promise.all(Array.from({ length: 12 }, async () => (await ask(port, one)).status));
    assert.deepEqual([...new Set(answers)], [200]);
    assert.deepEqual(filesBelow(folder), [idOf(bytes), 'config'].sort());
  });

  it('that is under way when the server is killed leaves nothing that anybody sees, and the next server removes it', async (t) => {
    await using first = await ServedFolder.start();
    const folder = makeRepository(first.folder);
    const bytes = randomBytes(400_000);
    const socket = await open(first.port);
    t.after(() => socket.destroy());
    socket.write(`POST /r/data/${idOf(bytes)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes.subarray(0, 300_000));
    while (filesBelow(folder).length < 2) await delay(10);
    await first.stop('SIGKILL');
    const [left = ''] = readdirSync(join(folder, 'tmp'));
    assert.equal(filesBelow(join(folder, 'tmp', left)).length, 1);
    // As old as it has to be for somebody else's work to count as left behind.
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
    utimesSync(join(folder, 'tmp', left), twoDaysAgo, twoDaysAgo);
    await using second = await ServedFolder.start({ folder: first.folder });
    assert.deepEqual(JSON.parse((await ask(second.port, { method: 'GET', path: '/r/data/' })).body.toString()), []);
    assert.equal((await ask(second.port, { method: 'POST', path: `/r/data/${idOf(bytes)}`, body: bytes })).status, 200);
    assert.ok(!readdirSync(join(folder, 'tmp')).includes(left));
  });
});

describe('a quota', () => {
  it('in bytes refuses what is beyond it before it is sent, says so, and lets locks through', async (t) => {
    const { root, port } = await serveHere(t, { client: { quota: { bytes: 250_000 } } });
    makeRepository(root);
    const first = randomBytes(200_000);
    assert.equal((await ask(port, { method: 'POST', path: `/r/data/${idOf(first)}`, body: first })).status, 200);
    const socket = await open(port);
    socket.write(
      `POST /r/data/${'c'.repeat(64)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`,
    );
    const answer = await readToEnd(socket);
    assert.match(answer, /^HTTP\/1\.1 507 the quota of tester is used up: 200006 of 250000 bytes/);
    const lock = randomBytes(60_000);
    assert.equal((await ask(port, { method: 'POST', path: `/r/locks/${idOf(lock)}`, body: lock })).status, 200);
    assert.equal((await ask(port, { method: 'DELETE', path: `/r/data/${idOf(first)}` })).status, 200);
    assert.equal((await ask(port, { method: 'POST', path: `/r/data/${idOf(first)}`, body: first.subarray(0, 10) })).status, 400);
    const second = randomBytes(180_000);
    assert.equal((await ask(port, { method: 'POST', path: `/r/data/${idOf(second)}`, body: second })).status, 200);
  });

  it('holds for uploads that come at once, and in files', async (t) => {
    const { root, port } = await serveHere(t, { client: { quota: { bytes: 1_000_000, files: 8 } } });
    makeRepository(root);
    const send = async (bytes: Buffer) => (await ask(port, { method: 'POST', path: `/r/data/${idOf(bytes)}`, body: bytes })).status;
    const large = await Promise.all(Array.from({ length: 8 }, () => send(randomBytes(300_000))));
    assert.equal(large.filter((status) => status === 200).length, 3);
    assert.equal(large.filter((status) => status === 507).length, 5);
    const small = await Promise.all(Array.from({ length: 8 }, () => send(randomBytes(10))));
    assert.equal(small.filter((status) => status === 200).length, 4);
  });

  it('is told to the person before the client, in the words of the server', async () => {
    await using server = await ServedFolder.start({ args: ['--no-auth', '--quota', '20k'] });
    const location = server.location('/r/');
    const env = { HOLDFAST_CACHE_DIR: join(server.folder, 'cache') };
    const made = await runHoldfast(location, ['init'], { env });
    assert.equal(made.code, 0, made.stderr);
    writeFileSync(join(server.folder, 'large'), randomBytes(100_000));
    const result = await runHoldfast(location, ['backup', join(server.folder, 'large')], { env });
    assert.equal(result.code, 1);
    assert.match(result.stderr, /HTTP 507\): the quota of everybody is used up/);
    assert.match(result.stderr, /quota raised/);
  });
});

describe('what a client removes', () => {
  it('stays in the trash until it is due by the clock of the server, and comes back from it', async (t) => {
    const clock = new ManualClock();
    const { root, port, server } = await serveHere(t, { clock, client: { deletionDelayMs: 5 * 86_400_000 } });
    const folder = makeRepository(root);
    const bytes = Buffer.from('a snapshot');
    const path = `/r/snapshots/${idOf(bytes)}`;
    for (const each of [path, '/r/config', `/r/locks/${idOf(bytes)}`]) {
      if (each !== '/r/config') assert.equal((await ask(port, { method: 'POST', path: each, body: bytes })).status, 200);
      assert.equal((await ask(port, { method: 'DELETE', path: each })).status, 200);
      assert.equal((await ask(port, { method: 'GET', path: each })).status, 404);
    }
    const trashed = filesBelow(join(folder, 'trash'));
    assert.equal(trashed.length, 2, 'locks are not kept');
    const list = await runHoldfast('/nonexistent', ['serve', 'trash', 'list', '--path', root, '--kind', 'snapshot']);
    const [entry] = JSON.parse(list.stdout) as { name: string; removed: string; due: string }[];
    assert.equal(entry?.name, idOf(bytes));
    assert.equal(Date.parse(entry?.due ?? '') - Date.parse(entry?.removed ?? ''), 5 * 86_400_000);
    const back = await runHoldfast('/nonexistent', ['serve', 'trash', 'restore', '--path', root]);
    assert.equal(back.code, 0, back.stderr);
    assert.deepEqual((await ask(port, { method: 'GET', path })).body, bytes);
    assert.equal((await ask(port, { method: 'GET', path: '/r/config' })).status, 200);
    await server.stop(0);
  });

  it('is gone for good only when it is due', async (t) => {
    const { root, port } = await serveHere(t, { client: { deletionDelayMs: 86_400_000 } });
    const folder = makeRepository(root);
    const bytes = Buffer.from('an index');
    await ask(port, { method: 'POST', path: `/r/index/${idOf(bytes)}`, body: bytes });
    await ask(port, { method: 'DELETE', path: `/r/index/${idOf(bytes)}` });
    const empty = async (...args: string[]) => await runHoldfast('/nonexistent', ['serve', 'trash', 'empty', '--path', root, ...args]);
    assert.equal((await empty()).code, 0);
    assert.equal(filesBelow(join(folder, 'trash')).length, 1);
    assert.equal((await empty('--since', '2020-01-01')).code, 1, 'what is not due goes only when that is said');
    assert.equal((await empty('--all')).code, 0);
    assert.equal(filesBelow(join(folder, 'trash')).length, 0);
  });
});

describe('the end of the server', () => {
  it('waits for the requests under way, and refuses new ones', async () => {
    await using server = await ServedFolder.start();
    const folder = makeRepository(server.folder);
    const bytes = randomBytes(400_000);
    const socket = await open(server.port);
    const idle = await open(server.port);
    const idleEnded = readToEnd(idle);
    const answered = readToEnd(socket);
    socket.write(`POST /r/data/${idOf(bytes)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes.subarray(0, 100_000));
    while (filesBelow(folder).length < 2) await delay(10);
    const ended = server.stop('SIGTERM');
    await idleEnded;
    await assert.rejects(ask(server.port, { method: 'GET', path: '/r/config' }), { code: 'ECONNREFUSED' });
    socket.write(bytes.subarray(100_000));
    assert.match(await answered, /^HTTP\/1\.1 200 /);
    assert.equal(await ended, 0);
    assert.deepEqual(readFileSync(join(folder, 'data', idOf(bytes).slice(0, 2), idOf(bytes))), bytes);
    assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
  });

  it('cuts off whoever takes longer than the grace time', async () => {
    await using server = await ServedFolder.start({ args: ['--no-auth', '--grace-time', '300ms'] });
    makeRepository(server.folder);
    const socket = await open(server.port);
    const ended = readToEnd(socket);
    socket.write(`POST /r/data/${'d'.repeat(64)} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n`);
    while (filesBelow(server.folder).length < 2) await delay(10);
    assert.equal(await server.stop('SIGTERM'), 0);
    await ended;
    assert.deepEqual(filesBelow(server.folder), ['config']);
  });
});

it('a client of Holdfast names what the server refuses', async (t) => {
  const { root, port } = await serveHere(t, { client: { rights: 'append-only' } });
  makeRepository(root);
  await using backend = await openBackend(`rest:http://127.0.0.1:${port}/r/`, { retryMs: 0 });
  const bytes = Buffer.from('a key');
  await backend.save({ kind: 'key', name: idOf(bytes) }, bytes);
  await assert.rejects(backend.remove({ kind: 'key', name: idOf(bytes) }), (error) => {
    assert.ok(error instanceof HoldfastError);
    assert.equal(error.code, 'storage-denied');
    assert.match(error.message, /this client is append-only: it may not remove any key/);
    return true;
  });
});
