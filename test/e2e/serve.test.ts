/** The server as a person uses it: stock restic and Holdfast as its clients, over HTTPS, at a Unix socket, over ssh. */
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
import { requireSsh, sshScene } from '../support/ssh-server.ts';
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
async function exchange(t: TestContext, folder: string, location: string, options: readonly string[], resticOptions: readonly string[]): Promise<void> {
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
    await using server = await ServedFolder.start({ args: ['--listen', ':0', '--clients', clients, ...tls, '--access-log', join(folder, 'log')] });
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
    for (const command of [['restore', 'latest', '--target', join(folder, 'out')], ['check', '--read-data'], ['forget', '--keep-last', '1']]) {
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

describe('ssh:', () => {
  it('starts holdfast on the other side, in a folder of the home and from the root', async (t) => {
    if (requireSsh(t) === undefined) return;
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    const { server, home } = await sshScene(t);
    const options = sshOptions(home.folder, home.knownHosts, `${holdfastPath} serve --stdio --path /`);
    const location = `ssh:${server.user}@127.0.0.1:${server.port}/${folder}/repository`;
    await holdfast(location, [...options, 'init']);
    await holdfast(location, [...options, 'backup', source]);
    const target = join(folder, 'restored');
    await holdfast(location, [...options, 'restore', 'latest', '--target', target]);
    assert.deepEqual(compareTrees(source, join(target, source)), []);
    await holdfast(join(folder, 'repository'), ['check', '--read-data']);
  });

  it('is held to its own folder and to adding by a forced command, whatever it asks for', async (t) => {
    if (requireSsh(t) === undefined) return;
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    mkdirSync(join(folder, 'served'));
    const forced = `command="${holdfastPath} serve --stdio --path ${join(folder, 'served')} --append-only",restrict`;
    const home = await sshSceneWith(t, forced);
    const options = sshOptions(home.folder, home.knownHosts, 'cat /etc/passwd');
    const env = { HOLDFAST_CACHE_DIR: join(folder, 'cache') };
    for (const path of ['', '//etc']) {
      const location = `ssh:${home.user}@127.0.0.1:${home.port}${path}`;
      await holdfast(location, [...options, 'init'], { env });
      await holdfast(location, [...options, 'backup', source], { env });
      await holdfast(location, [...options, 'backup', source], { env });
      const refused = await runHoldfast(location, [...options, 'forget', '--keep-last', '1', '--prune'], { env });
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /this client is append-only/);
      await holdfast(join(folder, 'served', path), ['check', '--read-data']);
    }
  });

  it('says why it does not get through', async (t) => {
    if (requireSsh(t) === undefined) return;
    const { server, home } = await sshScene(t);
    const options = (known: string, key = join(home.folder, 'id_ed25519'), command = 'holdfast-that-is-not-there serve'): string[] => [
      ...['--retry-time', '1s', '-o', `ssh.command=${command}`],
      ...['-o', `ssh.args=-i ${key} -oIdentitiesOnly=yes -oBatchMode=yes -oUserKnownHostsFile=${known}`],
    ];
    const location = `ssh:${server.user}@127.0.0.1:${server.port}/x`;
    for (const [args, reason] of [
      [options('/dev/null'), /key of the host is not the one that is known/],
      [options(home.knownHosts, '/dev/null'), /does not accept the key/],
      [options(home.knownHosts), /no program holdfast on 127\.0\.0\.1/],
      [options(home.knownHosts, undefined, 'echo hello'), /hello|ended/],
    ] as const) {
      const result = await runHoldfast(location, [...args, 'list', 'keys']);
      assert.equal(result.code, 1);
      assert.match(result.stderr, reason);
    }
  });
});

function sshOptions(folder: string, knownHosts: string, command: string): string[] {
  const args = `-i ${join(folder, 'id_ed25519')} -oIdentitiesOnly=yes -oBatchMode=yes -oUserKnownHostsFile=${knownHosts}`;
  return ['-o', `ssh.args=${args}`, '-o', `ssh.command=${command}`];
}

/** A server on which the one key has options in front of it. */
async function sshSceneWith(t: TestContext, prefix: string) {
  const { SshHome, SshServer } = await import('../support/ssh-server.ts');
  const home = new SshHome();
  const server = await SshServer.start({ keys: [`${prefix} ${home.addKey()}`] });
  home.trust(server.knownHost());
  t.after(async () => {
    await server[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });
  return { folder: home.folder, knownHosts: home.knownHosts, user: server.user, port: server.port };
}
