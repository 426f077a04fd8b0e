/** The SFTP backend before OpenSSH: the contract, servers that can less, and connections that break. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { StorageOptions } from '../../src/app/storage-options.ts';
import { configFile } from '../../src/storage/backend.ts';
import { describeBackend } from '../../src/storage/conformance.ts';
import { namesOf, sample } from '../../src/storage/conformance-samples.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { failureOf, openPlace, randomPack, sftpScene } from '../support/sftp-scene.ts';
import { requireSsh, SshHome, SshServer, sftpServer } from '../support/ssh-server.ts';

const places = mkdtempSync(join(tmpdir(), 'holdfast-sftp-places-'));
after(() => rmSync(places, { recursive: true, force: true }));

if (await isThere()) {
  const home = new SshHome();
  const server = await SshServer.start({ keys: [home.addKey()] });
  home.trust(server.knownHost());
  after(async () => {
    await server[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });
  describeConformance(server, home);
}

/** Reports what is missing once, as a skipped test. */
async function isThere(): Promise<boolean> {
  let isFound = true;
  const skip = (reason?: string): void => {
    isFound = false;
    void it('sshd is there', (t) => t.skip(reason));
  };
  requireSsh({ skip });
  return isFound;
}

function newPlace(): string {
  return join(places, randomBytes(4).toString('hex'));
}

function describeConformance(server: SshServer, home: SshHome): void {
  const variants: Record<string, StorageOptions> = {
    'SftpBackend before OpenSSH': {},
    'SftpBackend with one channel at a limited rate': {
      extended: ['sftp.connections=1'],
      limitUploadKib: 20_000,
      limitDownloadKib: 20_000,
    },
    // What the server announces is forbidden, and so fails.
    'SftpBackend through a program, without syncs and second names': { extended: [`sftp.command=${sftpServer} -P fsync,hardlink`] },
  };
  for (const [name, options] of Object.entries(variants)) {
    describeBackend(name, async () => {
      const place = newPlace();
      return {
        backend: await openPlace(server.location(place), home, options),
        reopen: async () => await openPlace(server.location(place), home, options),
        dispose: async () => {},
      };
    });
  }
}

describe('a repository behind SFTP', () => {
  it('large packs come back as they were, whole and in parts', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const backend = await place.open();
    await backend.create();
    const { file, bytes } = randomPack(9_000_001);
    await backend.save(file, bytes);
    assert.ok((await backend.load(file)).equals(bytes));
    for (const [offset, length] of [
      [65_535, 131_074],
      [8_999_000, 1001],
      [1, 9_000_000],
    ] as const) {
      assert.ok((await backend.load(file, { offset, length })).equals(bytes.subarray(offset, offset + length)));
    }
    assert.equal((await failureOf(backend.load(file, { offset: 8_999_000, length: 1002 }))).code, 'damaged');
  });

  it('files are for their owner alone and read-only, unless the group may read the config', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const { file, bytes } = sample('pack', 1);
    const path = join(place.place, 'data', file.name.slice(0, 2), file.name);
    const backend = await place.open();
    await backend.create();
    await backend.save(configFile, Buffer.from('x'));
    await backend.save(file, bytes);
    assert.deepEqual([statSync(path).mode & 0o777, statSync(place.place).mode & 0o777], [0o400, 0o700]);
    execFileSync('chmod', ['440', join(place.place, 'config')]);
    const shared = await place.open();
    await shared.open();
    await shared.save(file, bytes);
    assert.equal(statSync(path).mode & 0o777, 0o440);
  });

  it('a folder that was removed is made again, but not where the config is gone, too', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const backend = await place.open();
    await backend.create();
    await backend.save(configFile, Buffer.from('x'));
    rmSync(join(place.place, 'data'), { recursive: true });
    assert.deepEqual(await namesOf(backend, 'pack'), []);
    const { file, bytes } = sample('pack', 2);
    await backend.save(file, bytes);
    assert.deepEqual(await backend.load(file), bytes);
    rmSync(place.place, { recursive: true });
    mkdirSync(place.place);
    assert.equal((await failureOf(backend.save(file, bytes))).code, 'storage-missing');
    assert.equal((await failureOf(Array.fromAsync(backend.list('pack')))).code, 'repository-missing');
    assert.deepEqual(
      readdirSync(place.place).filter((name) => name !== 'tmp'),
      [],
    );
  });

  it('packs may stand on another file system', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const other = mkdtempSync('/dev/shm/holdfast-sftp-');
    t.after(() => rmSync(other, { recursive: true }));
    if (statSync(other).dev === statSync(tmpdir()).dev) return t.skip('/dev/shm is no file system of its own here');
    const backend = await place.open({ retryMs: 10_000 });
    await backend.create();
    await backend.save(configFile, Buffer.from('x'));
    rmSync(join(place.place, 'data'), { recursive: true });
    symlinkSync(other, join(place.place, 'data'));
    const { file, bytes } = sample('pack', 3);
    await backend.save(file, bytes);
    assert.deepEqual(await backend.load(file), bytes);
    assert.deepEqual(readdirSync(join(other, file.name.slice(0, 2))), [file.name]);
  });

  it('what a killed process left behind is removed after a day, and nothing else', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const backend = await place.open();
    await backend.create();
    const temporary = join(place.place, 'tmp');
    mkdirSync(temporary);
    const dead = spawnSync('true').pid;
    const own = `${encodeURIComponent(hostname())}-${dead}-${'0'.repeat(16)}`;
    const names = {
      old: `${own}-1`,
      young: `${own}-2`,
      alive: `${encodeURIComponent(hostname())}-${process.pid}-${'0'.repeat(16)}-1`,
      foreign: `elsewhere-1-${'0'.repeat(16)}-1`,
      other: 'notes',
    };
    const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
    for (const name of Object.values(names)) {
      writeFileSync(join(temporary, name), 'x');
      if (name !== names.young) utimesSync(join(temporary, name), twoDaysAgo, twoDaysAgo);
    }
    const { file, bytes } = sample('pack', 4);
    await backend.save(file, bytes);
    assert.deepEqual(readdirSync(temporary).sort(), [names.young, names.alive, names.foreign, names.other].sort());
  });

  it('a full disk is told as such', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const disk = mkdtempSync(join(tmpdir(), 'holdfast-sftp-disk-'));
    t.after(() => {
      spawnSync('umount', [disk]);
      rmSync(disk, { recursive: true });
    });
    const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]).status === 0;
    if (!isMounted) return t.skip('this user may not mount a small disk');
    const backend = await place.open({}, place.server.location(join(disk, 'repository')));
    await backend.create();
    await backend.save(configFile, Buffer.from('x'));
    const { file, bytes } = randomPack(3 << 20);
    const error = await failureOf(backend.save(file, bytes));
    assert.deepEqual([error.code, error.isRetryable], ['storage-full', false]);
    assert.deepEqual(readdirSync(join(disk, 'repository', 'tmp')), []);
  });

  it('a folder that may not be written is denied, not retried', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    await (await place.open()).create();
    const backend = await place.open({ extended: [`sftp.command=${sftpServer} -R`] });
    const error = await failureOf(backend.save(sample('pack', 5).file, sample('pack', 5).bytes));
    assert.deepEqual([error.code, error.isRetryable], ['storage-denied', false]);
  });

  it('a server that allows fewer channels than are wanted is used with those that it allows', async (t) => {
    const place = await sftpScene(t, { config: ['MaxSessions 2'] });
    if (place === undefined) return;
    const backend = await place.open({ extended: ['sftp.connections=6'] });
    await backend.create();
    const samples = Array.from({ length: 30 }, (_, n) => sample('pack', n));
    await Promise.all(samples.map(({ file, bytes }) => backend.save(file, bytes)));
    await Promise.all(samples.map(async ({ file, bytes }) => assert.deepEqual(await backend.load(file), bytes)));
  });

  it('a cancelled upload ends at once, and leaves nothing behind', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const backend = await place.open({ limitUploadKib: 100 });
    await backend.create();
    const { file, bytes } = randomPack(5_000_000);
    const ended = new AbortController();
    const saving = backend.save(file, bytes, { signal: ended.signal });
    setTimeout(() => ended.abort(), 300);
    const began = performance.now();
    assert.equal((await failureOf(saving)).code, 'cancelled');
    assert.ok(performance.now() - began < 10_000);
    assert.deepEqual(await namesOf(backend, 'pack'), []);
    await backend.close();
    assert.deepEqual(readdirSync(join(place.place, 'tmp')), []);
  });
});

describe('a connection that breaks', () => {
  it('in the middle of uploads and downloads is made again, and nothing is lost', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const proxy = await CuttingProxy.start(place.server.port, { cutsAfter: [700_000, 3_000_000, 1_500_000] });
    t.after(async () => await proxy[Symbol.asyncDispose]());
    place.home.trust(`[127.0.0.1]:${proxy.port} ${place.server.hostKey}`);
    const location = `sftp://${place.server.user}@127.0.0.1:${proxy.port}/${place.place}`;
    const warnings: string[] = [];
    const events: StorageOptions['events'] = (event) => event.kind === 'warning' && warnings.push(event.message);
    const backend = await place.open({ retryMs: 60_000, events }, location);
    await backend.create();
    await backend.save(configFile, Buffer.from('x'));
    const packs = Array.from({ length: 8 }, () => randomPack(800_000));
    await Promise.all(packs.map(({ file, bytes }) => backend.save(file, bytes)));
    const loads = packs.map(async ({ file, bytes }) => assert.ok((await backend.load(file)).equals(bytes)));
    proxy.cutAll();
    await Promise.all(loads);
    assert.ok(proxy.count >= 4, `${proxy.count} connections`);
    assert.match(warnings.join('\n'), /broke off.*trying again/);
    assert.match(warnings.join('\n'), /answers again/);
    assert.equal((await namesOf(backend, 'pack')).length, 8);
  });

  it('is given up when nothing moves on it', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const proxy = await CuttingProxy.start(place.server.port, { stallsAfter: 300_000 });
    t.after(async () => await proxy[Symbol.asyncDispose]());
    place.home.trust(`[127.0.0.1]:${proxy.port} ${place.server.hostKey}`);
    const location = `sftp://${place.server.user}@127.0.0.1:${proxy.port}/${place.place}`;
    const backend = await place.open({ retryMs: 30_000, stallMs: 1000 }, location);
    await backend.create();
    const { file, bytes } = randomPack(2_000_000);
    await backend.save(file, bytes);
    assert.ok((await backend.load(file)).equals(bytes));
    assert.equal(proxy.count, 2);
  });

  it('before the answer to a config came is no reason to call it somebody else’s', async (t) => {
    const place = await sftpScene(t);
    if (place === undefined) return;
    const backend = await place.open();
    await backend.create();
    await backend.save(configFile, Buffer.from('mine'));
    await backend.save(configFile, Buffer.from('mine'));
    assert.equal((await failureOf(backend.save(configFile, Buffer.from('other')))).code, 'repository-exists');
  });
});
