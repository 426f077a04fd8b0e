/** Repositories behind sshd, by `holdfast serve --stdio`: with nothing to open but sshd. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { compareTrees } from '../support/compare-trees.ts';
import { holdfast, holdfastPath, runHoldfast, startHoldfast } from '../support/holdfast.ts';
import { requireSsh, SshHome, SshServer, sshScene } from '../support/ssh-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function makeSource(folder: string): string {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'deeper'), { recursive: true });
  for (let n = 0; n < 10; n++) writeFileSync(join(source, n % 2 === 0 ? 'deeper' : '', `file ${n}`), randomBytes(n * 50_000));
  return source;
}

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
      const refused = await runHoldfast(location, [...options, 'forget', 'latest'], { env });
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /this client is append-only/);
      await holdfast(join(folder, 'served', path), ['check', '--read-data']);
    }
  });

  it('Ctrl-C at a terminal, which ssh gets too, leaves no lock', async (t) => {
    if (requireSsh(t) === undefined) return;
    const folder = temporaryFolder(t);
    const source = makeSource(folder);
    writeFileSync(join(source, 'large'), randomBytes(150 << 20));
    const { server, home } = await sshScene(t);
    const options = sshOptions(home.folder, home.knownHosts, `${holdfastPath} serve --stdio --path ${folder}`);
    const location = `ssh:${server.user}@127.0.0.1:${server.port}/repository`;
    await holdfast(location, [...options, 'init']);
    const child = startHoldfast(location, [...options, '--limit-upload', '5000', 'backup', source]);
    const ended = once(child, 'exit');
    const locks = join(folder, 'repository', 'locks');
    while (readdirSync(locks).length === 0 || readdirSync(join(folder, 'repository', 'tmp')).length === 0) await delay(20);
    await delay(500);
    assert.ok(child.pid !== undefined);
    process.kill(-child.pid, 'SIGINT');
    assert.deepEqual(await ended, [130, null]);
    assert.deepEqual(readdirSync(locks), []);
  });

  it('says why it does not get through', async (t) => {
    if (requireSsh(t) === undefined) return;
    const { server, home } = await sshScene(t);
    const options = (known: string, key = join(home.folder, 'id_ed25519'), command = 'holdfast-that-is-not-there serve'): string[] => [
      '--retry-time',
      '1s',
      '-o',
      `ssh.command=${command}`,
      '-o',
      `ssh.args=-i ${key} -oIdentitiesOnly=yes -oBatchMode=yes -oUserKnownHostsFile=${known}`,
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
  const home = new SshHome();
  const server = await SshServer.start({ keys: [`${prefix} ${home.addKey()}`] });
  home.trust(server.knownHost());
  t.after(async () => {
    await server[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });
  return { folder: home.folder, knownHosts: home.knownHosts, user: server.user, port: server.port };
}
