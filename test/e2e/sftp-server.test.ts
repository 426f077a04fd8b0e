/** Repositories behind SFTP, as a person uses them: with both programs, through ~/.ssh/config, with a server that breaks off or is gone. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { compareTrees } from '../support/compare-trees.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { type HoldfastRun, holdfast, runHoldfast } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requireCommand, requirePeer, runRestic } from '../support/peers.ts';
import { requireSsh, type SshHome, type SshServer, sshScene } from '../support/ssh-server.ts';

interface Place {
  readonly folder: string;
  readonly source: string;
  readonly server: SshServer;
  readonly home: SshHome;
  readonly location: string;
  readonly run: (args: readonly string[], env?: Record<string, string>) => Promise<HoldfastRun>;
  /** Undefined, and the test skipped, where there is no restic. */
  readonly restic: (args: readonly string[]) => Promise<string | undefined>;
}

async function makePlace(t: TestContext): Promise<Place | undefined> {
  if (requireSsh(t) === undefined) return undefined;
  const { server, home } = await sshScene(t);
  home.configure(
    'Host backup',
    ' HostName 127.0.0.1',
    ` Port ${server.port}`,
    ` IdentityFile ${home.folder}/id_ed25519`,
    ` User ${server.user}`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sftp-e2e-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'source');
  for (let n = 0; n < 40; n++) {
    const parent = join(source, `folder ${n % 5}`, `deeper ${n % 3}`);
    mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `file ${n}`), randomBytes(n * 5000));
  }
  const location = `sftp:backup:${join(folder, 'repository')}`;
  return {
    folder,
    source,
    server,
    home,
    location,
    run: (args, env = {}) => holdfast(location, args, { env: { ...home.environment, ...env } }),
    restic: async (args) => {
      const peer = requirePeer(t, 'newest restic');
      if (peer === undefined) return undefined;
      const all = ['-o', `sftp.command=${home.stockCommand('backup')}`, ...args];
      const { code, stdout, stderr } = await runRestic(peer.path, location, testPassword, all);
      assert.equal(code, 0, `restic ${args.join(' ')}: ${stderr}`);
      return stdout;
    },
  };
}

describe('a repository behind SFTP', () => {
  it('restic checks, restores and prunes what Holdfast saved there', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    await place.run(['init']);
    await place.run(['backup', place.source]);
    if ((await place.restic(['check', '--read-data'])) === undefined) return;
    const target = join(place.folder, 'restored');
    await place.restic(['restore', 'latest', '--target', target]);
    assert.deepEqual(compareTrees(place.source, join(target, place.source)), []);
    rmSync(join(place.source, 'folder 1'), { recursive: true });
    await place.restic(['backup', place.source]);
    await place.restic(['forget', '--keep-last', '1', '--prune']);
    await place.run(['check', '--read-data']);
  });

  it('Holdfast checks, restores and prunes what restic saved there', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    if ((await place.restic(['init'])) === undefined) return;
    await place.restic(['backup', place.source]);
    await place.run(['check', '--read-data']);
    const target = join(place.folder, 'restored');
    await place.run(['restore', 'latest', '--target', target]);
    assert.deepEqual(compareTrees(place.source, join(target, place.source)), []);
    rmSync(join(place.source, 'folder 1'), { recursive: true });
    const { lines } = await place.run(['backup', place.source]);
    assert.equal(lines.find((line) => line['message_type'] === 'summary')?.['files_new'], 0);
    await place.run(['forget', '--keep-last', '1', '--prune']);
    await place.restic(['check', '--read-data']);
    assert.deepEqual(readdirSync(join(place.folder, 'repository', 'locks')), []);
  });

  it('a path may be relative to the home on the server', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    const name = `holdfast-test-${randomBytes(6).toString('hex')}`;
    const env = { ...place.home.environment };
    const started = await runHoldfast(`sftp:backup:${name}/inside`, ['init'], { env });
    const path = join(homeOfUser(), name);
    t.after(() => rmSync(path, { recursive: true, force: true }));
    if (started.code !== 0 && /does not allow/.test(started.stderr)) return t.skip('the user who runs the tests has no home to write to');
    assert.equal(started.code, 0, started.stderr);
    assert.ok(existsSync(join(path, 'inside', 'config')));
    await holdfast(`sftp://${place.server.user}@127.0.0.1:${place.server.port}/${name}/inside`, ['backup', place.source], { env });
    assert.equal(readdirSync(join(path, 'inside', 'snapshots')).length, 1);
  });

  it('the program ssh may be used instead, with arguments of one’s own', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    const args = place.home.stockCommand('').replace(/^ssh | {2}-s sftp$/g, '');
    await place.run(['-o', `sftp.args=${args}`, 'init']);
    await place.run(['-o', `sftp.command=${place.home.stockCommand('backup')}`, 'backup', place.source]);
    await place.run(['check', '--read-data']);
  });

  it('a key has a passphrase from a file, a command or a variable, which no message repeats', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    spawnSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', join(place.home.folder, 'id_ed25519')]);
    const file = join(place.folder, 'passphrase');
    writeFileSync(file, 'open sesame\n', { mode: 0o600 });
    await place.run(['init'], { HOLDFAST_SFTP_PASSPHRASE_FILE: file });
    await place.run(['snapshots'], { HOLDFAST_SFTP_PASSPHRASE_COMMAND: `cat ${file}` });
    await place.run(['snapshots'], { HOLDFAST_SFTP_PASSPHRASE: 'open sesame' });
    const env = { ...place.home.environment, HOLDFAST_SFTP_PASSPHRASE: 'secret guess' };
    const wrong = await runHoldfast(place.location, ['snapshots'], { env });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /wrong passphrase/);
    assert.doesNotMatch(wrong.stderr + wrong.stdout, /secret guess/);
    const none = await runHoldfast(place.location, ['snapshots'], { env: place.home.environment });
    assert.match(none.stderr, /no passphrase/);
    // At a terminal the person is asked.
    if (!requireCommand(t, 'script')) return;
    const shown = await atTerminal(place, 'open sesame\n');
    assert.match(shown, /enter passphrase for the key \S+id_ed25519: /);
    assert.match(shown, /0 snapshots/);
    assert.doesNotMatch(shown, /sesame/);
  });

  it('a host that is not known, and a key that is not welcome, end the command at once with an explanation', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    rmSync(place.home.knownHosts);
    const unknown = await runHoldfast(place.location, ['init'], { env: place.home.environment });
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /is not known: no key of it is in known_hosts.*SHA256:/);
    assert.ok(!existsSync(join(place.folder, 'repository')));
    place.home.trust(place.server.knownHost());
    writeFileSync(join(place.server.folder, 'authorized_keys'), '');
    const denied = await runHoldfast(place.location, ['init'], { env: place.home.environment });
    assert.equal(denied.code, 1);
    assert.match(denied.stderr, /takes none of the keys/);
  });

  it('a backup over a connection that is cut again and again is finished, and whole', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    await place.run(['init']);
    const proxy = await CuttingProxy.start(place.server.port, { cutsAfter: [600_000, 1_200_000, 300_000] });
    t.after(async () => await proxy[Symbol.asyncDispose]());
    place.home.trust(`[127.0.0.1]:${proxy.port} ${place.server.hostKey}`);
    const location = `sftp://${place.server.user}@127.0.0.1:${proxy.port}/${join(place.folder, 'repository')}`;
    const { stderr } = await holdfast(location, ['backup', '--pack-size', '4', place.source], { env: place.home.environment });
    assert.match(stderr, /broke off.*trying again/);
    assert.ok(proxy.count >= 4, `${proxy.count} connections`);
    await place.run(['check', '--read-data']);
    const leftovers = readdirSync(join(place.folder, 'repository', 'tmp'));
    assert.ok(leftovers.length <= 20, leftovers.join());
  });

  it('a server that is gone ends the command within the time that was given', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    await place.run(['init']);
    await place.server.kill();
    const { code, stderr } = await runHoldfast(place.location, ['--retry-time', '2s', 'snapshots'], { env: place.home.environment });
    assert.equal(code, 1);
    assert.match(stderr, /nobody listens there/);
  });

  it('init beside init makes one repository', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    const env = place.home.environment;
    const runs = await Promise.all([0, 1, 2].map(() => runHoldfast(place.location, ['init'], { env })));
    assert.equal(runs.filter(({ code }) => code === 0).length, 1, runs.map(({ stderr }) => stderr).join('\n'));
    await place.run(['backup', place.source]);
    await place.run(['check']);
  });

  it('what it says of options and addresses that it cannot use repeats no secret', async () => {
    const refused = [
      ['-o', 'sftp.connections=0'],
      ['-o', 'sftp.speed=9'],
      ['-o', 'sftp.command="x'],
      ['-o', 'sftp.command=a', '-o', 'sftp.args=b'],
    ];
    for (const args of refused) {
      const { code, stderr } = await runHoldfast('sftp:host:path', [...args, 'snapshots']);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, /is not usable|never ends|exclude each other/);
    }
    for (const location of ['sftp:', 'sftp:u:secret@h:/p', 'sftp://u:secret@h/p', 'sftp:-oProxyCommand=secret:/p']) {
      const { code, stderr } = await runHoldfast(location, ['snapshots']);
      assert.equal(code, 1);
      assert.match(stderr, /not a usable address/);
      assert.doesNotMatch(stderr, /secret/);
    }
  });
});

/** What a terminal shows on which `snapshots` asks, and somebody answers. */
async function atTerminal({ home, location }: Place, answer: string): Promise<string> {
  const words = ['-qec', `${process.execPath} ${join(import.meta.dirname, '../../bin/main.mjs')} snapshots`, '/dev/null'];
  const env = { ...process.env, ...home.environment, HOLDFAST_REPOSITORY: location, HOLDFAST_PASSWORD: testPassword };
  const child = spawn('script', words, { env, stdio: ['pipe', 'pipe', 'ignore'] });
  let shown = '';
  for await (const text of child.stdout) {
    const wasAsked = shown.includes('enter passphrase');
    shown += String(text);
    // The terminal does not echo any more when the question shows.
    if (!wasAsked && shown.includes('enter passphrase')) child.stdin.write(answer);
  }
  return shown;
}

function homeOfUser(): string {
  const line = spawnSync('getent', ['passwd', String(process.getuid?.() ?? 0)], { encoding: 'utf8' }).stdout;
  return line.split(':')[5] ?? '/';
}
