/** Requests that no honest client makes: the server refuses them, and goes on. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ask, idOf, open, readToEnd } from '../support/raw-http.ts';
import { makeRepository, serveHere } from '../support/served.ts';

const id = 'a'.repeat(64);

describe('addresses', () => {
  it('that would lead out of the folder, or to what is none of a repository, lead nowhere', async (t) => {
    const { root, port } = await serveHere(t);
    makeRepository(root);
    writeFileSync(join(root, '..', `secret-${process.pid}`), 'secret');
    t.after(() => import('node:fs').then(({ rmSync }) => rmSync(join(root, '..', `secret-${process.pid}`))));
    const paths = [
      `/../secret-${process.pid}`,
      '/../../etc/passwd',
      '/r/../r/config',
      '/r/./config',
      '/%2e%2e/config',
      '/..%2fconfig',
      '/r%2fconfig',
      '/r/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
      '/r\\config',
      '/r%5cconfig',
      '/r/config%00',
      '/%00/config',
      '/r/data/%00',
      '//r/config',
      '/r//config',
      '/r/config/',
      `/r/data/${id}/`,
      `/r/data/aa/${id}`,
      `/r/data/${id.toUpperCase()}`,
      `/r/data/${id}0`,
      '/r/tmp/',
      '/r/tmp/config',
      '/r/trash/snapshots/',
      '/r/data/config',
      '/r/keys/x/config',
      '/r/%zz/config',
      '/r/%ff%fe/config',
      `/${'x'.repeat(256)}/config`,
      `${'/d'.repeat(20)}/config`,
      '/',
      '',
      '*',
      'http://127.0.0.1/r/config',
    ];
    for (const path of paths) {
      for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
        const socket = await open(port);
        socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
        const answer = await readToEnd(socket);
        assert.match(answer, /^HTTP\/1\.1 40[045] /, `${method} ${path}: ${answer.slice(0, 60)}`);
        assert.doesNotMatch(answer, /secret|root:/);
      }
    }
    assert.equal((await ask(port, { method: 'GET', path: '/r/config' })).body.toString(), 'config');
    assert.deepEqual(readdirSync(root), ['r']);
  });

  it('that are too long, and heads that are too large, are refused in a moment', async (t) => {
    const { port } = await serveHere(t);
    assert.equal((await ask(port, { method: 'GET', path: `/${'x/'.repeat(2000)}config` })).status, 414);
    for (const head of [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\n`, `GET / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}\r\n`]) {
      const socket = await open(port);
      socket.write(`${head}Host: x\r\n\r\n`);
      assert.match(await readToEnd(socket), /^HTTP\/1\.1 (?:431|400) /);
    }
    const socket = await open(port);
    socket.write(randomBytes(4000));
    assert.match(await readToEnd(socket), /^HTTP\/1\.1 400 /);
  });
});

describe('clients that are slow on purpose', () => {
  it('have little time for the head of a request, however lively they seem', async (t) => {
    const { port } = await serveHere(t, { headMs: 800 });
    const socket = await open(port);
    const ended = readToEnd(socket);
    socket.write('GET /r/config HTTP/1.1\r\n');
    const drip = setInterval(() => socket.write('X: y\r\n'), 50);
    t.after(() => clearInterval(drip));
    assert.match(await ended, /^(?:HTTP\/1\.1 408 .*)?/s);
  });

  it('lose their connection when a body stands still or only drips, and leave no file', async (t) => {
    const { root, port } = await serveHere(t, { stallMs: 400 });
    const folder = makeRepository(root);
    const head = `POST /r/data/${id} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`;
    for (const drips of [false, true]) {
      const socket = await open(port);
      const ended = readToEnd(socket);
      socket.write(head);
      const drip = setInterval(() => drips && socket.write('z'), 20);
      await ended;
      clearInterval(drip);
    }
    await delay(100);
    for (const name of readdirSync(join(folder, 'tmp'))) assert.deepEqual(readdirSync(join(folder, 'tmp', name)), []);
    assert.deepEqual(readdirSync(join(folder, 'data')), []);
  });

  it('lose their connection when they do not read, and a large file costs no memory meanwhile', async (t) => {
    const { root, port } = await serveHere(t, { stallMs: 600 });
    const folder = makeRepository(root);
    const bytes = randomBytes(64 << 20);
    mkdirSync(join(folder, 'data', idOf(bytes).slice(0, 2)), { recursive: true });
    writeFileSync(join(folder, 'data', idOf(bytes).slice(0, 2), idOf(bytes)), bytes);
    const before = process.memoryUsage.rss();
    const sockets = await Promise.all(Array.from({ length: 50 }, () => open(port)));
    for (const socket of sockets) {
      socket.pause();
      socket.write(`GET /r/data/${idOf(bytes)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    }
    await delay(2500);
    const grownMib = (process.memoryUsage.rss() - before) >> 20;
    assert.ok(grownMib < 400, `50 downloads of 64 MiB that nobody reads take ${grownMib} MiB`);
    for (const socket of sockets) {
      const received = (await readToEnd(socket)).length;
      assert.ok(received < bytes.length, 'the connection was closed long before the end');
    }
    assert.equal((await ask(port, { method: 'HEAD', path: '/r/config' })).status, 200);
  });
});

describe('a list of very many files', () => {
  it('is whole, in pieces, and waits for a client that does not read', async (t) => {
    const { root, port } = await serveHere(t);
    const folder = makeRepository(root);
    const names = Array.from({ length: 20_000 }, (_, n) => n.toString(16).padStart(64, '0'));
    for (const name of names) writeFileSync(join(folder, 'snapshots', name), '');
    writeFileSync(join(folder, 'snapshots', `${id}-tmp-1`), 'of restic');
    mkdirSync(join(folder, 'snapshots', 'f'.repeat(64)));
    const one = await ask(port, { method: 'GET', path: '/r/snapshots/' });
    assert.deepEqual((JSON.parse(one.body.toString()) as string[]).sort(), names);
    const two = await ask(port, { method: 'GET', path: '/r/snapshots/', headers: { Accept: 'application/vnd.x.restic.rest.v2' } });
    assert.equal(two.headers['content-type'], 'application/vnd.x.restic.rest.v2');
    assert.deepEqual((JSON.parse(two.body.toString()) as { name: string }[]).map(({ name }) => name).sort(), names);
    assert.deepEqual(JSON.parse((await ask(port, { method: 'GET', path: '/r/index/' })).body.toString()), []);
  });
});
