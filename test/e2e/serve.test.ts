/** The server as a person uses it: stock restic and Holdfast as its clients, over HTTPS, at a Unix socket, through a program. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Authority } from '../support/certificates.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { holdfast, holdfastPath, runHoldfast, summaryOf } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { type Peer, requireCommand, requirePeer, run, runRestic } from '../support/peers.ts';
import { ServedFolder } from '../support/serve.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function makeSource(folder: string): string {
  const source = join(folder, 'source');
  for (let n = 0; n < 30; n++) {
    const parent = join(source, `folder ${n % 5}`);
    mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `file ${n}`), randomBytes(n * 3000));
  }
  return source;
}

async function hashOf(password: string): Promise<string> {
  const { stdout } = await run(holdfastPath, ['serve', 'password'], { input: `${password}\n` });
  assert.match(stdout, /^\$argon2id\$/);
  return stdout.trim();
}

async function restic(peer: Peer, location: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await runRestic(peer.path, location, testPassword, args, { env });
  assert.equal(code, 0, `restic ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Each of the two programs reads what the other one wrote. */
async function exchange(
  t: TestContext,
  folder: string,
  location: string,
  options: readonly string[],
  resticOptions: readonly string[],
): Promise<void> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return;
  const source = makeSource(folder);
  await restic(peer, location, [...resticOptions, 'init']);
  await holdfast(location, [...options, 'backup', source]);
  await restic(peer, location, [...resticOptions, 'check', '--read-data']);
  writeFileSync(join(source, 'another'), randomBytes(100_000));
  await restic(peer, location, [...resticOptions, 'backup', source]);
  await holdfast(location, [...options, 'check', '--read-data']);
  const target = join(folder, 'restored');
  await holdfast(location, [...options, 'restore', 'latest', '--target', target]);
  assert.deepEqual(compareTrees(source, join(target, source)), []);
  await restic(peer, location, [...resticOptions, 'forget', '--keep-last', '1', '--prune']);
  await holdfast(location, [...options, 'prune']);
  await holdfast(location, [...options, 'check', '--read-data']);
}

describe('restic and Holdfast share a repository that Holdfast serves', () => {
  it('over HTTPS, with a password and an authority of their own', async (t) => {
    if (!requireCommand(t, 'openssl')) return;
    const folder = temporaryFolder(t);
    const authority = new Authority(folder);
    const { certificate, key } = authority.sign('server');
    const clients = join(folder, 'clients.conf');
    writeFileSync(clients, `[alice]\npassword = ${await hashOf('secret')}\nquota = 1G\n`);
    const tls = ['--tls-cert', certificate, '--tls-key', key];
    await using server = await ServedFolder.start({
      args: ['--listen', ':0', '--clients', clients, ...tls, '--access-log', join(folder, 'log')],
    });
    const location = server.location('/alice/', 'alice:secret');
    await exchange(t, folder, location, ['--cacert', authority.certificate], ['--cacert', authority.certificate]);
    const other = await runHoldfast(server.location('/bob/', 'alice:secret'), ['--cacert', authority.certificate, 'init']);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /none of alice/);
    const log = readFileSync(join(folder, 'log'), 'utf8');
    assert.ok(log.includes('"client":"alice"') && !log.includes('secret'));
  });

  it('at a Unix socket', async (t) => {
    const folder = temporaryFolder(t);
    const socket = join(folder, 'socket');
    await using _server = await ServedFolder.start({ args: ['--no-auth', '--listen', `unix:${socket}`] });
    await exchange(t, folder, `rest:http+unix://${socket}:/one/`, [], []);
  });

  it('through a program, as rclone would serve it', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    // restic adds arguments for rclone, which a forced command of sshd would pass over in the same way.
    const program = join(folder, 'program');
    writeFileSync(program, `#!/bin/sh\nexec ${holdfastPath} serve --stdio --path ${join(folder, 'repository')}\n`, { mode: 0o755 });
    const options = ['-o', `rclone.program=${program}`];
    await restic(peer, 'rclone:x', [...options, 'init']);
    await restic(peer, 'rclone:x', [...options, 'backup', source]);
    await restic(peer, 'rclone:x', [...options, 'check', '--read-data']);
    await holdfast(join(folder, 'repository'), ['check', '--read-data']);
  });
});

describe('a client certificate', () => {
  it('says who a client is, if an authority of the server signed it', async (t) => {
    if (!requireCommand(t, 'openssl')) return;
    const folder = temporaryFolder(t);
    const authority = new Authority(folder);
    const stranger = new Authority(folder, 'stranger');
    const server = authority.sign('server');
    const clients = join(folder, 'clients.conf');
    writeFileSync(clients, '[web]\ncertificate = web.example\n[db]\ncertificate = db.example\n');
    const args = ['--clients', clients, '--tls-cert', server.certificate, '--tls-key', server.key, '--client-ca', authority.certificate];
    await using served = await ServedFolder.start({ args });
    const shown = (both: string): string[] => ['--cacert', authority.certificate, '--tls-client-cert', both];
    const web = shown(authority.sign('web', 'web.example').both);
    await holdfast(served.location('/web/'), [...web, 'init']);
    // Several requests over several connections: sessions of TLS are taken up again.
    for (let n = 0; n < 3; n++) await holdfast(served.location('/web/'), [...web, 'check']);
    const refusals = [
      [served.location('/db/'), web, /none of web/],
      [served.location('/web/'), shown(authority.sign('unknown', 'unknown.example').both), /belongs to no client/],
      [served.location('/web/'), shown(stranger.sign('false', 'web.example').both), /or a client certificate, are needed/],
      [served.location('/web/'), ['--cacert', authority.certificate], /or a client certificate, are needed/],
    ] as const;
    for (const [location, options, reason] of refusals) {
      const result = await runHoldfast(location, [...options, '--retry-time', '1s', 'list', 'keys']);
      assert.equal(result.code, 1);
      assert.match(result.stderr, reason);
    }
  });
});

describe('a write-only client', () => {
  it('backs up again and again with its cache, reads nothing without it, and can restore nothing', async (t) => {
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    await using server = await ServedFolder.start({ args: ['--no-auth', '--write-only'] });
    const location = server.location('/r/');
    const env = { HOLDFAST_CACHE_DIR: join(folder, 'cache') };
    await holdfast(location, ['init'], { env });
    await holdfast(location, ['backup', source], { env });
    writeFileSync(join(source, 'new'), 'new');
    const second = await holdfast(location, ['backup', source], { env });
    assert.equal(summaryOf(second)['files_unmodified'], 30);
    assert.equal(summaryOf(second)['files_new'], 1);
    assert.equal(second.stderr, '', 'nothing was missed');
    // The machine lost its cache: everything is read, nothing is stored twice, and a line says why.
    const third = await holdfast(location, ['backup', source], { env: { HOLDFAST_CACHE_DIR: join(folder, 'another cache') } });
    assert.equal(summaryOf(third)['files_new'], 31);
    assert.ok(Number(summaryOf(third)['data_added']) < 20_000, JSON.stringify(summaryOf(third)));
    assert.match(third.stderr, /there is no parent: 2 snapshots that are not in the cache/);
    for (const command of [
      ['restore', 'latest', '--target', join(folder, 'out')],
      ['check', '--read-data'],
      ['forget', '--keep-last', '1'],
    ]) {
      const refused = await runHoldfast(location, command, { env: { HOLDFAST_CACHE_DIR: join(folder, 'a third cache') } });
      assert.equal(refused.code, 1, command.join(' '));
      assert.match(refused.stderr, /write-only/);
    }
    await holdfast(join(server.folder, 'r'), ['check', '--read-data']);
    assert.deepEqual(readdirSync(join(server.folder, 'r', 'locks')), []);
  });

  it('that kept its snapshots but lost its directories reads all files again, and that is no failure', async (t) => {
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    await using server = await ServedFolder.start({ args: ['--no-auth', '--write-only'] });
    const location = server.location('/r/');
    const cache = join(folder, 'cache');
    const env = { HOLDFAST_CACHE_DIR: cache };
    await holdfast(location, ['init'], { env });
    await holdfast(location, ['backup', source], { env });
    for (const id of readdirSync(cache)) rmSync(join(cache, id, 'data'), { recursive: true, force: true });
    const second = await holdfast(location, ['backup', source], { env });
    assert.equal(summaryOf(second)['files_unmodified'], 0);
    assert.match(second.stderr, /directories of the parent snapshot are not in the cache/);
  });

  it('may be stock restic', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    await using server = await ServedFolder.start({ args: ['--no-auth', '--write-only'] });
    const env = { RESTIC_CACHE_DIR: join(folder, 'cache') };
    await restic(peer, server.location('/r/'), ['init'], env);
    for (let n = 0; n < 2; n++) await restic(peer, server.location('/r/'), ['backup', source], env);
    await holdfast(join(server.folder, 'r'), ['check', '--read-data']);
  });
});
