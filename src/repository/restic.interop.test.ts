/** The real restic on repositories made here, and the other way round. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { localRepository, quickScrypt, testPassword } from '../../test/support/new-repository.ts';
import { type Peer, type PeerName, requirePeer, runRestic } from '../../test/support/peers.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { LocalBackend } from '../storage/local/local-backend.ts';
import { everySnapshot } from './snapshot-filter.ts';
import { Repository } from './repository.ts';

const resticNames: readonly PeerName[] = ['newest restic', 'system restic'];

for (const name of resticNames) {
  /** A test that needs this restic; it is skipped with one line where there is none. */
  const withRestic = (title: string, work: (setting: Setting) => Promise<void>): void => {
    it(title, async (t) => {
      const peer = requirePeer(t, name);
      if (peer !== undefined) await work(new Setting(t, peer));
    });
  };

  describe(`with the ${name}`, () => {
    withRestic('a repository that was created here is accepted, backed up to, and read again', async (setting) => {
      await using repository = await localRepository(setting.path);
      await setting.succeeds('backup', '--host', 'desk', '--tag', 'a,b', setting.someFiles());
      await setting.succeeds('check', '--read-data');
      const [snapshot, ...more] = await repository.snapshots.list();
      assert.equal(more.length, 0);
      assert.deepEqual([snapshot?.hostname, snapshot?.tags, snapshot?.paths], ['desk', ['a', 'b'], [setting.someFiles()]]);
    });

    withRestic('a snapshot that was saved here is listed there', async (setting) => {
      await using repository = await localRepository(setting.path);
      await setting.succeeds('backup', setting.someFiles());
      const { snapshot } = await repository.snapshots.find('latest', everySnapshot);
      const { id, timeNs: _, ...content } = snapshot;
      const changed = await repository.snapshots.save({ ...content, hostname: 'ünïcode <host>', tags: ['new'], original: id });
      const listed = await setting.succeeds('snapshots', '--json', '--tag', 'new');
      const [first] = JSON.parse(listed.stdout) as { id: string; hostname: string }[];
      assert.deepEqual([first?.id, first?.hostname], [changed, 'ünïcode <host>']);
    });

    withRestic('a repository that restic made opens here, in both versions, with all its keys', async (setting) => {
      for (const version of ['1', '2']) {
        const path = join(setting.path, version);
        await setting.on(path).succeeds('init', '--repository-version', version);
        const newPassword = join(setting.path, 'password');
        writeFileSync(newPassword, 'other\n');
        await setting.on(path).succeeds('key', 'add', '--new-password-file', newPassword);
        await setting.on(path).succeeds('backup', setting.someFiles());
        for (const password of [testPassword, 'other']) {
          await using repository = await Repository.open(new LocalBackend({ path }), { password });
          assert.equal(String(repository.config.version), version);
          assert.equal((await repository.snapshots.list()).length, 1);
          assert.equal((await repository.listKeys()).keys.length, 2);
        }
        await assert.rejects(Repository.open(new LocalBackend({ path }), { password: 'wrong' }), { code: 'wrong-password' });
      }
    });

    withRestic('passwords that were added and changed here open it there', async (setting) => {
      await using repository = await localRepository(setting.path);
      await repository.addKey({ password: 'added', username: 'ann', hostname: 'desk', scryptCost: quickScrypt });
      await repository.changePassword({ password: 'pässwörd', scryptCost: quickScrypt });
      await setting.withPassword('added').succeeds('cat', 'config');
      const keys = await setting.withPassword('pässwörd').succeeds('key', 'list', '--json');
      assert.ok((JSON.parse(keys.stdout) as { userName: string }[]).some(({ userName }) => userName === 'ann'));
      assert.notEqual((await setting.run('cat', 'config')).code, 0);
    });

    withRestic('our exclusive lock is respected there, and our shared one only by what is exclusive', async (setting) => {
      await using repository = await localRepository(setting.path);
      {
        await using lock = await repository.lock({ isExclusive: true });
        const refused = await setting.run('backup', setting.someFiles());
        assert.equal(refused.code, setting.lockedCode, refused.stderr);
        assert.match(refused.stderr, new RegExp(`locked exclusively by PID ${process.pid} on ${hostname()}`));
        assert.match(refused.stderr, new RegExp(lock.id.slice(0, 8)));
      }
      {
        const lock = await repository.lock({ isExclusive: false });
        await setting.succeeds('backup', setting.someFiles());
        assert.equal((await setting.run('prune')).code, setting.lockedCode);
        await lock.release();
      }
      await setting.succeeds('prune');
    });

    withRestic('a lock that restic holds is respected here', async (setting) => {
      await using repository = await localRepository(setting.path);
      const backup = await setting.startEndlessBackup();
      const shared = await repository.lock({ isExclusive: false });
      await shared.release();
      await assert.rejects(repository.lock({ isExclusive: true }), {
        code: 'repository-locked',
        message: new RegExp(`in use by .+@${hostname()} \\(process ${backup.pid}\\)`),
      });
      await backup.end();
      const exclusive = await repository.lock({ isExclusive: true });
      await exclusive.release();
    });

    withRestic('a lock that a killed restic left is taken away, and then the repository is ours', async (setting) => {
      await using repository = await localRepository(setting.path);
      const backup = await setting.startEndlessBackup();
      await backup.kill();
      await using lock = await repository.lock({ isExclusive: true });
      const left = await Array.fromAsync(repository.backend.list('lock'));
      assert.deepEqual(
        left.map(({ name: id }) => id),
        [lock.id],
      );
    });

    withRestic('unlock there finds that this process lives, and leaves it its lock and its life', async (setting) => {
      await using repository = await localRepository(setting.path);
      await using lock = await repository.lock({ isExclusive: true });
      await setting.succeeds('unlock');
      assert.equal(await repository.backend.exists({ kind: 'lock', name: lock.id }), true);
    });
  });
}

/** A restic and a repository in a folder of the test. */
class Setting {
  readonly path: string;
  readonly #t: TestContext;
  readonly #peer: Peer;
  readonly #password: string;

  constructor(t: TestContext, peer: Peer, path = join(temporaryFolder(t), 'repository'), password = testPassword) {
    this.#t = t;
    this.#peer = peer;
    this.path = path;
    this.#password = password;
    mkdirSync(path, { recursive: true });
  }

  on(path: string): Setting {
    return new Setting(this.#t, this.#peer, path, this.#password);
  }

  withPassword(password: string): Setting {
    return new Setting(this.#t, this.#peer, this.path, password);
  }

  /** restic has exit code 11 for a locked repository since 0.17. */
  get lockedCode(): number {
    const [major = 0, minor = 0] = this.#peer.version.split('.').map(Number);
    return major > 0 || minor >= 17 ? 11 : 1;
  }

  run(...args: string[]) {
    return runRestic(this.#peer.path, this.path, this.#password, ['--no-cache', ...args]);
  }

  async succeeds(...args: string[]) {
    const result = await this.run(...args);
    assert.equal(result.code, 0, `restic ${args.join(' ')}: ${result.stderr}`);
    return result;
  }

  someFiles(): string {
    const folder = join(this.path, '..', 'files');
    mkdirSync(folder, { recursive: true });
    for (const name of ['a', 'b', 'ü']) writeFileSync(join(folder, name), `content of ${name}`.repeat(100));
    return folder;
  }

  /** A backup of a standard input that stays open: it holds a shared lock until then. */
  async startEndlessBackup() {
    const env = { ...process.env, RESTIC_PASSWORD: this.#password, RESTIC_REPOSITORY: this.path };
    const child = spawn(this.#peer.path, ['--no-cache', 'backup', '--stdin'], { env, stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#t.after(() => child.kill('SIGKILL'));
    await this.#untilLocked();
    const finish = async (work: () => void) => {
      work();
      await ended;
    };
    return { pid: child.pid, end: () => finish(() => child.stdin.end('x')), kill: () => finish(() => child.kill('SIGKILL')) };
  }

  async #untilLocked(): Promise<void> {
    const backend = new LocalBackend({ path: this.path });
    for (let tries = 0; tries < 200; tries++) {
      if ((await Array.fromAsync(backend.list('lock'))).length > 0) return;
      await delay(50);
    }
    assert.fail('restic made no lock');
  }
}
