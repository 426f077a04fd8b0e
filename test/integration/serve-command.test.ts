/** `holdfast serve` as a command: what it refuses to start with, what it reads again, what it tells about itself. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { hashPassword } from '../../src/crypto/password-hash.ts';
import { holdfastPath, jsonLines, runHoldfast } from '../support/holdfast.ts';
import { run } from '../support/peers.ts';
import { ask, idOf } from '../support/raw-http.ts';
import { ServedFolder } from '../support/serve.ts';
import { makeRepository } from '../support/served.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const free = '127.0.0.1:0';

describe('holdfast serve does not start', () => {
  it('where it would let others in, or where its options contradict each other', async (t) => {
    const folder = temporaryFolder(t);
    const clients = join(folder, 'clients.conf');
    writeFileSync(clients, `[a]\npassword = ${await hashPassword('x')}\n`);
    writeFileSync(join(folder, 'no clients'), '[a]\nnonsense\n');
    const path = ['--path', folder];
    const attempts: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /where the repositories are|who may come/],
      [path, /nothing says who may come/],
      [[...path, '--no-auth', '--listen', ':0'], /lets everybody in/],
      [[...path, '--clients', clients, '--listen', '0.0.0.0:0'], /in the clear/],
      [[...path, '--clients', clients, '--no-auth'], /contradict/],
      [[...path, '--clients', clients, '--append-only'], /--append-only contradicts --clients/],
      [[...path, '--clients', clients, '--quota', '1G'], /--quota contradicts --clients/],
      [[...path, '--clients', clients, '--stdio'], /who the client is/],
      [[...path, '--clients', clients, '--stdio', '--as', 'b'], /no client .*b/],
      [[...path, '--clients', join(folder, 'no clients')], /no clients, line 2: this is no setting/],
      [[...path, '--clients', join(folder, 'missing')], /--clients cannot be read/],
      [[...path, '--no-auth', '--append-only', '--write-only'], /contradict/],
      [[...path, '--no-auth', '--listen', 'nonsense'], /not possible to listen/],
      [[...path, '--no-auth', '--tls-cert', clients], /PEM/],
      [[...path, '--no-auth', '--tls-key', clients], /needs --tls-cert/],
      [[...path, '--no-auth', '--client-ca', clients], /needs --tls-cert/],
      [[...path, '--no-auth', '--stdio', '--listen', free], /contradict/],
      [['--path', join(folder, 'missing', 'deeper'), '--no-auth'], /ENOENT/],
      [['--path', clients, '--no-auth'], /is no folder/],
      [[...path, '--no-auth', '--listen', `unix:${clients}`], /no socket/],
    ];
    for (const [args, reason] of attempts) {
      const result = await runHoldfast('/nonexistent', ['serve', ...args]);
      assert.equal(result.code, 1, args.join(' '));
      assert.match(result.stderr, reason, args.join(' '));
    }
  });
});

describe('holdfast serve', () => {
  it('reads clients again on SIGHUP, keeps those it has when the file is wrong, and begins a new log', async (t) => {
    const folder = temporaryFolder(t);
    const clients = join(folder, 'clients.conf');
    const log = join(folder, 'log');
    const section = async (name: string) => `[${name}]\npassword = ${await hashPassword(name)}\n`;
    writeFileSync(clients, await section('old'));
    await using server = await ServedFolder.start({ args: ['--clients', clients, '--access-log', log] });
    const statusOf = async (name: string) =>
      (await ask(server.port, { method: 'GET', path: `/${name}/config`, user: `${name}:${name}` })).status;
    const reload = async (after: RegExp) => {
      server.child.kill('SIGHUP');
      while (!after.test(server.complaints)) await delay(20);
    };
    assert.deepEqual([await statusOf('old'), await statusOf('new')], [404, 401]);
    writeFileSync(clients, 'nonsense');
    await reload(/nothing was read again: .*line 1/);
    assert.deepEqual([await statusOf('old'), await statusOf('new')], [404, 401]);
    writeFileSync(clients, await section('new'));
    renameSync(log, `${log}.1`);
    server.child.kill('SIGHUP');
    while ((await statusOf('new')) !== 404) await delay(20);
    assert.equal(await statusOf('old'), 401);
    await server.stop();
    const paths = jsonLines(readFileSync(log, 'utf8')).map((line) => line['path']);
    assert.ok(paths.includes('/old/config') && paths.includes('/new/config'));
    assert.ok(jsonLines(readFileSync(`${log}.1`, 'utf8')).length >= 4);
  });

  it('counts what it does for Prometheus, and writes a line for each request', async (t) => {
    const log = join(temporaryFolder(t), 'log');
    await using server = await ServedFolder.start({ args: ['--no-auth', '--quota', '1M', '--metrics', free, '--access-log', log] });
    makeRepository(server.folder);
    const bytes = randomBytes(5000);
    await ask(server.port, { method: 'POST', path: `/r/data/${idOf(bytes)}`, body: bytes });
    await ask(server.port, {
      method: 'GET',
      path: `/r/data/${idOf(bytes)}?secret=1`,
      headers: { Authorization: 'Basic c2VjcmV0OnNlY3JldA==' },
    });
    await ask(server.port, { method: 'GET', path: '/r/../x' });
    const metrics = new URL(server.metrics ?? '');
    const page = (await ask(Number(metrics.port), { method: 'GET', path: '/metrics' })).body.toString();
    for (const line of [
      'holdfast_serve_requests_total{action="save",kind="pack",status="200"} 1',
      'holdfast_serve_requests_total{action="load",kind="pack",status="200"} 1',
      'holdfast_serve_bytes_total{client="everybody",direction="received"} 5000',
      'holdfast_serve_bytes_total{client="everybody",direction="sent"} 5000',
      'holdfast_serve_refusals_total{reason="address"} 1',
      'holdfast_serve_client_used_bytes{client="everybody"} 5006',
      'holdfast_serve_client_quota_bytes{client="everybody"} 1048576',
    ]) {
      assert.ok(page.split('\n').includes(line), `${line}\n${page}`);
    }
    for (const line of page.split('\n')) assert.match(line, /^(?:# .*|[a-z_]+(?:\{[^}]*\})? \S+|)$/);
    await server.stop();
    const text = readFileSync(log, 'utf8');
    // A line is written when the exchange has ended on the server's side, which may be after the next one has begun.
    const lines = jsonLines(text).map(({ method, status, received, sent }) => [method, status, received, sent].join(' '));
    assert.deepEqual(lines.sort(), ['GET 200 0 5000', 'GET 404 0 0', 'POST 200 5000 0']);
    assert.doesNotMatch(text, /secret|c2Vj/);
  });

  it('makes hashes of passwords from a pipe and from a file, and of no empty one', async (t) => {
    const file = join(temporaryFolder(t), 'password');
    writeFileSync(file, 'secret\n');
    const piped = await run(holdfastPath, ['serve', 'password', '--json'], { input: 'secret\n' });
    const read = await run(holdfastPath, ['serve', 'password', '--new-password-file', file]);
    assert.match(piped.stdout, /^\{"message_type":"password_hash","hash":"\$argon2id\$[^"]+"\}\n$/);
    assert.match(read.stdout, /^\$argon2id\$/);
    writeFileSync(file, '\n');
    assert.equal((await run(holdfastPath, ['serve', 'password', '--new-password-file', file])).code, 1);
    assert.equal((await run(holdfastPath, ['serve', 'password'], { input: '' })).code, 1);
  });
});
