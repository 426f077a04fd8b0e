import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { HoldfastError } from '../../../base/errors.ts';
import { HostConfig } from './ssh-config.ts';
import { matchesPattern } from './ssh-patterns.ts';
import { parseJump } from './ssh-route.ts';
import { type SshSettings, settleSettings } from './ssh-settings.ts';

describe('the configuration of ssh', () => {
  let home: string;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'holdfast-ssh-config-'));
    await mkdir(join(home, '.ssh', 'more'), { recursive: true });
  });
  after(async () => await rm(home, { recursive: true, force: true }));

  const warnings: string[] = [];

  async function settle(text: string, host = 'host', given: { user?: string; port?: number } = {}, system = ''): Promise<SshSettings> {
    const folder = join(home, '.ssh');
    await writeFile(join(folder, 'config'), text, { mode: 0o600 });
    await writeFile(join(home, 'system'), system);
    const { user, port } = given;
    const config = new HostConfig({ host, user, localUser: 'me', home, warn: (message) => warnings.push(message) });
    await config.read([
      { path: join(folder, 'config'), folder, isPrivate: true },
      { path: join(home, 'system'), folder: home, isPrivate: false },
    ]);
    const variables: Record<string, string> = { SSH_AUTH_SOCK: '/agent', KEYS: '/keys' };
    return settleSettings(config, { host, user, port, localUser: 'me', home, variable: (name) => variables[name] });
  }

  it('says nothing where there is none', async () => {
    const settings = await settle('');
    assert.deepEqual(
      [settings.host, settings.port, settings.user, settings.checking, settings.agentSocket, settings.jumps, settings.proxyCommand],
      ['host', 22, 'me', 'strict', '/agent', [], undefined],
    );
    assert.deepEqual(settings.identityFiles[2], join(home, '.ssh', 'id_ed25519'));
    assert.deepEqual(settings.userKnownHosts[0], join(home, '.ssh', 'known_hosts'));
  });

  it('the first value counts, the location before all, the system’s file last', async () => {
    const text = 'Host other\n  User wrong\nHost h* !hostile\n  user = first\n\tPort 2222\nHost *\n  User second\n  Port 3333\n';
    const system = 'Port 4444\nConnectTimeout 7\n';
    const settings = await settle(text, 'host', {}, system);
    assert.deepEqual([settings.user, settings.port, settings.connectTimeoutMs], ['first', 2222, 7000]);
    assert.equal((await settle(text, 'hostile')).user, 'second');
    const given = await settle(text, 'host', { user: 'given', port: 1 });
    assert.deepEqual([given.user, given.port], ['given', 1]);
  });

  it('a host has another name, and identities add up', async () => {
    const text =
      'IdentityFile ~/.ssh/%r@%h:%p\nIdentityFile "%d/with blank" # why\nHost alias\n HostName real-%h.example\n IdentityFile ${KEYS}/x%%y\n IdentitiesOnly yes\nUserKnownHostsFile ~/a /b\n IdentityAgent none\n';
    const settings = await settle(text, 'alias');
    assert.equal(settings.host, 'real-alias.example');
    assert.deepEqual(settings.identityFiles, [`${home}/.ssh/me@real-alias.example:22`, `${home}/with blank`, '/keys/x%y']);
    assert.deepEqual([settings.usesOnlyNamedIdentities, settings.agentSocket], [true, undefined]);
    assert.deepEqual(settings.userKnownHosts, [`${home}/a`, '/b']);
  });

  it('files are included where they are named, in the order of their names, and only where the block counts', async () => {
    await writeFile(join(home, '.ssh', 'more', '2'), 'Port 2\nUser two\n', { mode: 0o600 });
    await writeFile(join(home, '.ssh', 'more', '1'), 'Host host\nPort 1\nHost nothing\nUser one\n', { mode: 0o600 });
    const settings = await settle('Host x\n Include more/2\nHost *\n Include more/* nothing\n Port 9\n');
    assert.deepEqual([settings.port, settings.user], [1, 'two']);
    await writeFile(join(home, '.ssh', 'more', '3'), 'Include more/3\n', { mode: 0o600 });
    await assert.rejects(settle('Include more/3\n'), /too deeply/);
  });

  it('Match looks at names, users and nothing that it does not know', async () => {
    const text =
      'Match originalhost host user me\n Port 1\nMatch host real localuser you\n User wrong\nHost *\n HostName real\nMatch host real !user you\n ConnectTimeout 3\n';
    const settings = await settle(text);
    assert.deepEqual([settings.port, settings.user, settings.connectTimeoutMs], [1, 'me', 3000]);
    warnings.length = 0;
    assert.equal((await settle('Match exec "true"\n Port 9\nMatch final\n Port 8\nMatch all\n Port 7\n')).port, 7);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /config:1: Match exec is not known/);
  });

  it('of the two kinds of proxies the first one counts', async () => {
    assert.deepEqual((await settle('ProxyJump a,b@c:3\nProxyCommand nc %h %p\n')).jumps, ['a', 'b@c:3']);
    const command = await settle('ProxyCommand nc -X "5 x" %h %p # no comment\nProxyJump a\n');
    assert.deepEqual([command.proxyCommand, command.jumps], ['nc -X "5 x" host 22 # no comment', []]);
    assert.deepEqual((await settle('ProxyJump none\nProxyCommand nc\n')).proxyCommand, undefined);
    assert.deepEqual(parseJump('ssh://me@[::1]:22'), { host: '::1', user: 'me', port: 22 });
    for (const jump of ['', '-oX', 'a b', 'x;y', 'a:b']) assert.throws(() => parseJump(jump), HoldfastError);
  });

  it('refuses values that it cannot keep, and a file that others can change', async () => {
    for (const text of [
      'Port x',
      'Port 0',
      'StrictHostKeyChecking maybe',
      'IdentitiesOnly 3',
      'HostName -oX',
      'HostName $(x)',
      'User',
      'IdentityFile %z',
      'RevokedHostKeys /x',
      'User "x',
    ]) {
      await assert.rejects(
        settle(`# line\n${text}\n`),
        (error) => error instanceof HoldfastError && error.code === 'usage' && /config:2/.test(error.message),
        text,
      );
    }
    await settle('');
    await chmod(join(home, '.ssh', 'config'), 0o622);
    await assert.rejects(settle(''), /can be changed by others/);
    await chmod(join(home, '.ssh', 'config'), 0o600);
  });

  it('patterns end in time', () => {
    assert.equal(matchesPattern(`${'*a'.repeat(40)}b`, 'a'.repeat(2000)), false);
    for (const [pattern, name] of [
      ['*', ''],
      ['a?c', 'abc'],
      ['A*C*', 'abcd'],
      ['**', 'x'],
    ])
      assert.ok(matchesPattern(pattern ?? '', name ?? ''));
    for (const [pattern, name] of [
      ['', 'a'],
      ['a?', 'a'],
      ['a*b', 'ac'],
    ])
      assert.ok(!matchesPattern(pattern ?? '', name ?? ''));
  });
});
