/** Repositories behind restic's REST server, as a person uses them: with both programs, with a server that refuses, breaks off or is gone. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { compareTrees } from '../support/compare-trees.ts';
import { holdfast, runHoldfast } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requireCommand, requirePeer, runRestic } from '../support/peers.ts';
import { RestServer, type RestServerOptions } from '../support/rest-server.ts';

interface Place {
  readonly folder: string;
  readonly source: string;
  readonly start: (options?: Omit<RestServerOptions, 'binary'>) => Promise<RestServer>;
}

/** Undefined, and the test skipped, where there is no rest-server. */
function makePlace(t: TestContext): Place | undefined {
  const peer = requirePeer(t, 'rest-server');
  if (peer === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-rest-e2e-'));
  const source = join(folder, 'source');
  for (let n = 0; n < 40; n++) {
    const parent = join(source, `folder ${n % 5}`, `deeper ${n % 3}`);
    mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `file ${n}`), randomBytes(n * 5000));
  }
  const servers: RestServer[] = [];
  t.after(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const start = async (options = {}): Promise<RestServer> => {
    const server = await RestServer.start({ ...options, binary: peer.path });
    servers.push(server);
    return server;
  };
  return { folder, source, start };
}

async function resticDo(repository: string, args: readonly string[], t: TestContext): Promise<string | undefined> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return undefined;
  const { code, stdout, stderr } = await runRestic(peer.path, repository, testPassword, args);
  assert.equal(code, 0, `restic ${args.join(' ')}: ${stderr}`);
  return stdout;
}

describe('a repository behind rest-server', () => {
  it('restic checks and restores what Holdfast saved there', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    const location = (await place.start()).location('/one/');
    await holdfast(location, ['init']);
    await holdfast(location, ['backup', place.source]);
    if ((await resticDo(location, ['check', '--read-data'], t)) === undefined) return;
    const target = join(place.folder, 'restored');
    await resticDo(location, ['restore', 'latest', '--target', target], t);
    assert.deepEqual(compareTrees(place.source, join(target, place.source)), []);
  });

  it('Holdfast checks and restores what restic saved there, in few requests', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    const log = join(place.folder, 'requests');
    const location = (await place.start({ args: ['--log', log] })).location('/two/');
    if ((await resticDo(location, ['init'], t)) === undefined) return;
    await resticDo(location, ['backup', place.source], t);
    await holdfast(location, ['check', '--read-data']);
    const target = join(place.folder, 'restored');
    const before = dataRequests(log);
    await holdfast(location, ['restore', 'latest', '--target', target]);
    assert.deepEqual(compareTrees(place.source, join(target, place.source)), []);
    // Of 40 files and 22 folders.
    const restoring = dataRequests(log) - before;
    assert.ok(restoring > 0 && restoring < 15, `${restoring} requests`);
    const dumping = dataRequests(log);
    await holdfast(location, ['dump', '--target', join(place.folder, 'all.tar'), 'latest', '/']);
    assert.ok(dataRequests(log) - dumping < 20, `${dataRequests(log) - dumping} requests`);
  });

  it('a second backup reads no file that has not changed', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    const location = (await place.start()).location('/');
    await holdfast(location, ['init']);
    await holdfast(location, ['backup', place.source]);
    for (const extra of [[], ['--no-cache']]) {
      const { lines } = await holdfast(location, ['backup', ...extra, place.source]);
      const summary = lines.find((line) => line['message_type'] === 'summary');
      assert.equal(summary?.['files_unmodified'], 40);
      assert.equal(summary?.['files_new'], 0);
    }
  });

  it('through a Unix socket works too', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    const socket = join(place.folder, 'server.sock');
    await place.start({ socket });
    const location = `rest:http+unix://${socket}:/by/socket/`;
    await holdfast(location, ['init']);
    await holdfast(location, ['backup', place.source]);
    await holdfast(location, ['check', '--read-data']);
  });

  it('forget and prune free room there, and an append-only server refuses them with an explanation', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    const server = await place.start();
    const location = server.location('/');
    await holdfast(location, ['init']);
    await holdfast(location, ['backup', place.source]);
    await server.kill();
    const appendOnly = await place.start({ args: ['--append-only'], folder: server.folder });
    writeFileSync(join(place.source, 'one more'), randomBytes(1000));
    await holdfast(appendOnly.location('/'), ['backup', place.source]);
    const refused = await runHoldfast(appendOnly.location('/'), ['forget', '--keep-last', '1', '--prune']);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stdout + refused.stderr, /does not allow it \(HTTP 403\)/);
    assert.equal(readdirSync(join(server.folder, 'snapshots')).length, 2);
    await appendOnly.kill();
    const again = await place.start({ folder: server.folder });
    await holdfast(again.location('/'), ['forget', '--keep-last', '1', '--prune']);
    assert.equal(readdirSync(join(server.folder, 'snapshots')).length, 1);
    await holdfast(again.location('/'), ['check', '--read-data']);
  });

  it('name and password come from the location or from variables, and wrong ones are refused without being repeated', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    const passwords = join(place.folder, 'passwords');
    writeFileSync(passwords, `me:{SHA}${createHash('sha1').update('top@secret').digest('base64')}\n`);
    const server = await place.start({ asksPassword: true, args: ['--htpasswd-file', passwords] });
    await holdfast(server.location('/', { user: 'me:top%40secret' }), ['init']);
    for (const prefix of ['RESTIC', 'HOLDFAST']) {
      const env = { [`${prefix}_REST_USERNAME`]: 'me', [`${prefix}_REST_PASSWORD`]: 'top@secret' };
      await holdfast(server.location('/'), ['snapshots'], { env });
    }
    for (const user of ['', 'me:wrong%40secret']) {
      const { code, stdout, stderr } = await runHoldfast(server.location('/', { user }), ['snapshots']);
      assert.equal(code, 1);
      assert.match(stderr, /does not accept the user name and password \(HTTP 401\)/);
      assert.doesNotMatch(stdout + stderr, /secret/);
    }
  });

  it('TLS is verified: with the authority of --cacert, or not at all with --insecure-tls', async (t) => {
    const place = makePlace(t);
    if (place === undefined || !requireCommand(t, 'openssl')) return;
    const [key, cert] = [join(place.folder, 'key'), join(place.folder, 'cert')];
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1`;
    assert.equal(spawnSync('openssl', [...words.split(' '), '-keyout', key, '-out', cert]).status, 0);
    const location = (await place.start({ args: ['--tls', '--tls-cert', cert, '--tls-key', key] })).location('/', { scheme: 'https' });
    const refused = await runHoldfast(location, ['init']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /certificate is not trusted/);
    await holdfast(location, ['init', '--cacert', cert]);
    await holdfast(location, ['snapshots'], { env: { RESTIC_CACERT: cert } });
    await holdfast(location, ['snapshots', '--insecure-tls']);
  });

  it('a server that is killed in the middle of a backup and comes back costs nothing but time', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    writeFileSync(join(place.source, 'large'), randomBytes(60 << 20));
    const first = await place.start();
    await holdfast(first.location('/'), ['init']);
    const temporary = join(place.folder, 'temporary');
    mkdirSync(temporary);
    const running = runHoldfast(first.location('/'), ['backup', '--pack-size', '4', '--tmp-dir', temporary, place.source]);
    while (packCount(first.folder) === 0) await delay(2);
    await first.kill();
    await delay(700);
    const second = await place.start({ folder: first.folder, port: first.port });
    const { code, stderr } = await running;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /trying again in/);
    assert.match(stderr, /answers again/);
    assert.deepEqual(readdirSync(temporary), []);
    await holdfast(second.location('/'), ['check', '--read-data']);
  });

  it('a server that stays away ends the command with a clear error, within the time that was allowed', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    const server = await place.start();
    await server.kill();
    const { code, stderr } = await runHoldfast(server.location('/'), ['--retry-time', '1s', 'snapshots']);
    assert.equal(code, 1);
    assert.match(stderr, /nobody listens there \(ECONNREFUSED\)/);
  });

  it('what a killed backup staged is removed by a later one', async (t) => {
    const place = makePlace(t);
    if (place === undefined) return;
    const location = (await place.start()).location('/');
    await holdfast(location, ['init']);
    const temporary = join(place.folder, 'temporary');
    const goneProcess = spawnSync('true').pid;
    const left = (id: number): string => join(temporary, `holdfast-staging-${encodeURIComponent(hostname())}-${id}-${'ab'.repeat(8)}`);
    for (const id of [goneProcess, process.pid]) {
      mkdirSync(left(id), { recursive: true });
      writeFileSync(join(left(id), 'data-1'), 'x');
      utimesSync(left(id), new Date(0), new Date(Date.now() - 2 * 3_600_000));
    }
    await holdfast(location, ['backup', '--tmp-dir', temporary, place.source]);
    assert.equal(existsSync(left(goneProcess)), false);
    assert.equal(existsSync(left(process.pid)), true);
  });

  it('options and addresses that make no sense are refused before anything happens', async () => {
    for (const args of [
      ['-o', 'rest.connections=0'],
      ['-o', 'rest.speed=9'],
      ['-o', 'nonsense'],
      ['--cacert', '/nonexistent'],
    ]) {
      const { code, stderr } = await runHoldfast('rest:http://127.0.0.1:9/', [...args, 'snapshots']);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, /is not usable|cannot be read/);
    }
    for (const location of ['rest:', 'rest:ftp://u:secret@h/', 'rest:http://', 'rest:u:secret@h']) {
      const { code, stderr } = await runHoldfast(location, ['snapshots']);
      assert.equal(code, 1);
      assert.match(stderr, /not a usable address/);
      assert.doesNotMatch(stderr, /secret/);
    }
  });
});

function dataRequests(log: string): number {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('GET /two/data/') && !line.includes('/data/ ')).length;
}

function packCount(folder: string): number {
  const data = join(folder, 'data');
  return existsSync(data) ? readdirSync(data, { recursive: true }).filter((name) => String(name).length > 64).length : 0;
}
