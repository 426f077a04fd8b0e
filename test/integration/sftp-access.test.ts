/** Who is let in: hosts by their keys, users by theirs, and the ways that ~/.ssh/config knows. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { StorageOptions } from '../../src/app/storage-options.ts';
import { sample } from '../../src/storage/conformance-samples.ts';
import { failureOf, openPlace, randomPack, sftpScene } from '../support/sftp-scene.ts';
import { requireSsh, SshHome, SshServer } from '../support/ssh-server.ts';

describe('who is let in', () => {
  const nothing = sample('pack', 1).file;

  it('a host that is not known is refused with the fingerprint, and accepted where the configuration says so', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const { home, server } = place;
    rmSync(home.knownHosts);
    const error = await failureOf((await place.open()).exists(nothing));
    assert.deepEqual([error.code, error.isRetryable], ['storage-denied', false]);
    assert.match(error.message, new RegExp(`the host \\[127.0.0.1\\]:${server.port} is not known.*ssh-ed25519 SHA256:`));
    assert.match(error.hint ?? '', /accept-new/);
    home.configure('StrictHostKeyChecking accept-new', 'HashKnownHosts yes');
    const warnings: string[] = [];
    const events: StorageOptions['events'] = (event) => event.kind === 'warning' && warnings.push(event.message);
    assert.equal(await (await place.open({ events })).exists(nothing), false);
    assert.match(warnings.join(), /was not known; its key SHA256:\S+ is trusted from now on/);
    assert.match(readFileSync(home.knownHosts, 'utf8'), /^\|1\|/);
    assert.equal(await (await place.open()).exists(nothing), false);
  });

  it('a changed, a revoked and a merely certified key are refused, each in words of its own', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const { home, server } = place;
    const other = home.addKey('other').split(' ').slice(0, 2).join(' ');
    const name = `[127.0.0.1]:${server.port}`;
    const refused: [string, RegExp][] = [
      [`${name} ${other}`, /shows another key than the one in \S+known_hosts:1/],
      [`@revoked * ${server.hostKey}\n${name} ${server.hostKey}`, /shows a key that \S+known_hosts:1 has revoked/],
      [`@cert-authority ${name} ${other}`, /certificate authority alone/],
    ];
    home.configure('StrictHostKeyChecking no');
    for (const [lines, words] of refused) {
      writeFileSync(home.knownHosts, `${lines}\n`);
      const error = await failureOf((await place.open()).exists(nothing));
      assert.equal(error.code, 'storage-denied');
      assert.match(error.message, words);
    }
  });

  it('of several keys a host shows the one that is known', async (t) => {
    const place = await sftpScene(t, { hostKeyType: 'rsa', config: [`HostKey ${extraHostKey(t)}`] });
    if (place === undefined) return;
    assert.equal(await (await place.open()).exists(nothing), false);
  });

  it('keys of all kinds open the door, with a passphrase that is asked for only when the server takes the key', async (t) => {
    if (requireSsh(t) === undefined) return;
    const kinds = [
      { type: 'ed25519' },
      { type: 'ecdsa' },
      { type: 'rsa' },
      { type: 'rsa', isPem: true },
      { type: 'ecdsa', isPem: true },
    ] as const;
    const home = new SshHome();
    const keys = kinds.map((kind, n) => home.addKey(`key-${n}`, { ...kind, passphrase: 'top secret' }));
    home.addKey('stranger', { passphrase: 'another' });
    const server = await SshServer.start({ keys });
    t.after(async () => {
      await server[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    });
    home.trust(server.knownHost());
    for (const [n, kind] of kinds.entries()) {
      writeFileSync(join(home.folder, 'config'), `IdentityFile ~/.ssh/stranger\nIdentityFile ~/.ssh/key-${n}\n`, { mode: 0o600 });
      // Without the file beside it, too.
      if (n % 2 === 0) rmSync(join(home.folder, `key-${n}.pub`));
      const asked: string[] = [];
      const sshPassphrase = async (path: string) => {
        asked.push(path);
        return 'top secret';
      };
      await using backend = await openPlace(server.location('/nonexistent'), home, { sshPassphrase });
      assert.equal(await backend.exists(nothing), false, JSON.stringify(kind));
      assert.deepEqual(asked, [join(home.folder, `key-${n}`)]);
    }
    await using nobody = await openPlace(server.location('/nonexistent'), home, {});
    assert.match((await failureOf(nobody.exists(nothing))).message, /key-4: no passphrase/);
    await using wrong = await openPlace(server.location('/nonexistent'), home, { sshPassphrase: async () => 'nonsense' });
    const error = await failureOf(wrong.exists(nothing));
    assert.match(error.message, /key-4: wrong passphrase/);
    assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.context]), /nonsense/);
  });

  it('a key that the server does not know, or that others can read, is named in the error', async (t) => {
    const place = await sftpScene(t, { keys: [] });
    if (place === undefined) return;
    place.home.addKey();
    const error = await failureOf((await place.open()).exists(nothing));
    assert.deepEqual([error.code, error.isRetryable], ['storage-denied', false]);
    assert.match(error.message, /takes none of the keys \(keys: \S+id_ed25519\)/);
    assert.match(error.hint ?? '', /ssh-copy-id/);
    const open = await sftpScene(t);
    if (open === undefined) return;
    execFileSync('chmod', ['644', join(open.home.folder, 'id_ed25519')]);
    assert.match((await failureOf((await open.open()).exists(nothing))).message, /id_ed25519: readable by others/);
  });

  it('an agent gives keys, of which IdentitiesOnly allows those that are named', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const { home } = place;
    const started = spawnSync('ssh-agent', ['-s', '-a', join(home.path, 'agent')], { encoding: 'utf8' });
    const pid = /SSH_AGENT_PID=(\d+)/.exec(started.stdout)?.[1];
    if (pid === undefined) return t.skip('ssh-agent is not on this machine');
    t.after(() => process.kill(Number(pid)));
    const environment = { ...home.environment, SSH_AUTH_SOCK: join(home.path, 'agent') };
    const key = join(home.folder, 'id_ed25519');
    home.addKey('unwanted');
    for (const path of [join(home.folder, 'unwanted'), key])
      execFileSync('ssh-add', ['-q', path], { env: { ...process.env, ...environment } });
    rmSync(key);
    rmSync(`${key}.pub`);
    assert.equal(await (await place.open({ environment })).exists(nothing), false);
    assert.match((await failureOf((await place.open()).exists(nothing))).message, /keys: none/);
    home.configure('IdentitiesOnly yes', 'IdentityFile ~/.ssh/unwanted.pub');
    assert.match((await failureOf((await place.open({ environment })).exists(nothing))).message, /keys: 1 of the agent\)/);
  });

  it('the way may go through other hosts, each with its own key and user, or through a command', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const { home, server } = place;
    const jumps = await Promise.all(
      [0, 1].map(() => SshServer.start({ keys: [readFileSync(join(home.folder, 'id_ed25519.pub'), 'utf8')] })),
    );
    t.after(async () => await Promise.all(jumps.map((jump) => jump[Symbol.asyncDispose]())));
    const [first, second] = jumps as [SshServer, SshServer];
    home.configure(
      'Host first',
      ' HostName 127.0.0.1',
      ` Port ${first.port}`,
      'Host target',
      ' HostName 127.0.0.1',
      ` Port ${server.port}`,
      ` ProxyJump first,${server.user}@127.0.0.1:${second.port}`,
    );
    const location = `sftp:target:${place.place}`;
    assert.match(
      (await failureOf((await place.open({}, location)).exists(nothing))).message,
      new RegExp(`\\[127.0.0.1\\]:${first.port} is not known`),
    );
    home.trust(first.knownHost(), second.knownHost());
    const backend = await place.open({}, location);
    await backend.create();
    const { file, bytes } = randomPack(3_000_000);
    await backend.save(file, bytes);
    assert.ok((await backend.load(file)).equals(bytes));
    assert.match(first.log, /Accepted publickey/);
    assert.match(second.log, /Accepted publickey/);
    writeFileSync(
      join(home.folder, 'config'),
      `Host target\n ProxyCommand ${process.execPath} -e "const s=require('net').connect(%p,'%h');process.stdin.pipe(s).pipe(process.stdout)"\n HostName 127.0.0.1\n Port ${server.port}\n`,
    );
    assert.ok((await (await place.open({}, location)).load(file)).equals(bytes));
    writeFileSync(join(home.folder, 'config'), 'Host target\n ProxyJump other\nHost other\n ProxyJump target\n');
    assert.match((await failureOf((await place.open({}, location)).exists(nothing))).message, /the jump hosts need each other/);
  });

  it('nobody at the port, no such host, no SFTP and a talking login are told apart', async (t) => {
    const place = await sftpScene(t, { config: ['Subsystem other internal-sftp', 'ForceCommand echo hello'] });
    if (place === undefined) return;
    const talking = await failureOf((await place.open()).exists(nothing));
    assert.match(`${talking.message} ${talking.hint}`, /starts no SFTP session.*(prints text|Subsystem)/);
    const closed = await failureOf((await place.open({}, 'sftp://me@127.0.0.1:1/x')).exists(nothing));
    assert.deepEqual([closed.code, closed.isRetryable], ['storage-failed', true]);
    assert.match(closed.message, /nobody listens there/);
    const unknown = await failureOf((await place.open({}, 'sftp:me@nothing.invalid:x')).exists(nothing));
    assert.equal(unknown.code, 'storage-failed');
    const program = await failureOf((await place.open({ extended: ['sftp.command=/nonexistent/program'] })).exists(nothing));
    assert.match(program.message, /the program \/nonexistent\/program (ended|cannot be started)/);
    const words = await failureOf((await place.open({ extended: ['sftp.command=sh -c "echo because >&2; exit 3"'] })).exists(nothing));
    assert.match(words.message, /exit code 3\): because/);
    await assert.rejects(place.open({ extended: ['sftp.command=a', 'sftp.args=b'] }), /exclude each other/);
  });
});

function extraHostKey(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-host-key-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')]);
  return join(folder, 'key');
}
