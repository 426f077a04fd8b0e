/** Repositories, targets and users that do not let everything be restored: each gap is named, and the rest is restored. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BlobId } from '../../src/base/ids.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { holdfastEnvironment, holdfastPath, jsonLines, messageOf } from '../support/holdfast.ts';
import { isRoot } from '../support/odd-tree.ts';
import { fileNode, PlantedRepository } from '../support/planted-repository.ts';
import { PlantedTrees } from '../support/planted-restore.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { restoreInto, RestoreSetting } from '../support/restore-setting.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const places: Readonly<Record<string, (folder: string) => Promise<Backend>>> = {
  'a local repository': async (folder) => {
    const backend = new LocalBackend({ path: join(folder, 'repository') });
    await backend.create();
    return backend;
  },
  'a repository elsewhere': async () => new MemoryBackend(),
};

interface Planted {
  readonly backend: Backend;
  readonly trees: PlantedTrees;
  readonly root: BlobId;
  readonly target: string;
}

/** One pack with the content of three files, of which one has two blobs. */
async function plant(t: TestContext, makeBackend: (folder: string) => Promise<Backend>): Promise<Planted> {
  const folder = temporaryFolder(t);
  const backend = await makeBackend(folder);
  t.after(() => void backend.close());
  const trees = new PlantedTrees(new PlantedRepository(backend));
  const first = trees.file('1', pseudoRandomBytes(5000, 1).toString('hex'));
  const parts = [pseudoRandomBytes(5000, 2), pseudoRandomBytes(5000, 3)];
  const second = fileNode(
    '2',
    parts.map((part) => trees.data(part)),
    10_000,
  );
  return { backend, trees, root: trees.tree([first, second, trees.file('3', 'the last')]), target: join(folder, 'target') };
}

type Harm = 'flip' | 'cut' | 'remove';

async function harmPack({ backend }: Planted, name: string, harm: Harm, at: number): Promise<void> {
  const file = { kind: 'pack', name } as const;
  const bytes = await backend.load(file);
  const path = backend.pathOf(file);
  await backend.remove(file);
  if (harm === 'remove') return;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  const stored = harm === 'flip' ? bytes : bytes.subarray(0, at);
  if (path === undefined) await backend.save(file, stored);
  else writeFileSync(path, stored);
}

function readAll(target: string): Record<string, number> {
  return Object.fromEntries(readdirSync(target).map((name) => [name, readFileSync(join(target, name)).length]));
}

for (const [place, makeBackend] of Object.entries(places)) {
  describe(`damage in ${place}`, () => {
    for (const harm of ['flip', 'cut', 'remove'] as const) {
      it(`is passed over where another copy is whole: ${harm}`, async (t) => {
        const planted = await plant(t, makeBackend);
        const { dataPacks } = await planted.trees.store(2);
        await harmPack(planted, dataPacks[0] ?? '', harm, 6000);
        const repository = await planted.trees.repository(t);
        const { failures, summary } = await restoreInto(repository, planted.root, planted.target, { verifies: true });
        assert.deepEqual(failures, []);
        assert.equal(summary.filesVerified, 3);
        assert.deepEqual(readAll(planted.target), { 1: 10_000, 2: 10_000, 3: 8 });
      });
    }

    it('costs the files that need the damaged blob, each named with blob and pack, and no other', async (t) => {
      const planted = await plant(t, makeBackend);
      const { dataPacks } = await planted.trees.store();
      // In the second blob of file 2; the first file takes less than 10,032 bytes of the pack.
      await harmPack(planted, dataPacks[0] ?? '', 'flip', 13_000);
      const { failures, summary } = await restoreInto(await planted.trees.repository(t), planted.root, planted.target);
      assert.equal(failures.length, 1);
      assert.match(failures[0] ?? '', /^\/2: blob [0-9a-f]{64} in pack [0-9a-f]{64} is damaged/u);
      assert.deepEqual([summary.failureCount, summary.filesRestored, summary.totalFiles], [1, 2, 3]);
      assert.equal(readFileSync(join(planted.target, '3'), 'utf8'), 'the last');
    });

    it('leaves an incomplete file without its time, so that a second restore does not take it for whole', async (t) => {
      const planted = await plant(t, makeBackend);
      const { dataPacks } = await planted.trees.store();
      const whole = await planted.backend.load({ kind: 'pack', name: dataPacks[0] ?? '' });
      await harmPack(planted, dataPacks[0] ?? '', 'flip', 13_000);
      const repository = await planted.trees.repository(t);
      await restoreInto(repository, planted.root, planted.target);
      const path = planted.backend.pathOf({ kind: 'pack', name: dataPacks[0] ?? '' });
      if (path !== undefined) writeFileSync(path, whole);
      const { failures, summary } = await restoreInto(repository, planted.root, planted.target, { overwrite: 'if-changed' });
      assert.equal(failures.length, path === undefined ? 1 : 0);
      assert.equal(summary.filesSkipped, 2);
    });

    it('costs what only a lost pack has', async (t) => {
      const planted = await plant(t, makeBackend);
      const { dataPacks } = await planted.trees.store();
      await harmPack(planted, dataPacks[0] ?? '', 'remove', 0);
      const { failures } = await restoreInto(await planted.trees.repository(t), planted.root, planted.target);
      assert.deepEqual(failures.map((line) => line.slice(0, 3)).toSorted(), ['/1:', '/2:', '/3:']);
    });

    it('costs what is below a folder whose tree is lost, and keeps --delete from deleting anything', async (t) => {
      const planted = await plant(t, makeBackend);
      const { treePack } = await planted.trees.store();
      mkdirSync(planted.target);
      writeFileSync(join(planted.target, 'mine'), 'mine');
      const repository = await planted.trees.repository(t);
      await harmPack(planted, treePack, 'flip', 20);
      const { failures, warnings } = await restoreInto(repository, planted.root, planted.target, { deletesUnexpected: true });
      assert.match(failures.join(), /^\/: nothing below it was restored, because its tree cannot be read/u);
      assert.match(warnings.join(), /nothing was deleted/u);
      assert.ok(existsSync(join(planted.target, 'mine')));
    });
  });
}

describe('verification', () => {
  it('names a file that another program changed meanwhile', async (t) => {
    const setting = await RestoreSetting.create(t);
    for (const name of ['a', 'b', 'c']) writeFileSync(join(setting.source, name), `content of ${name}`);
    writeFileSync(join(setting.source, 'large'), pseudoRandomBytes(40 << 20, 1));
    const tree = await setting.backUp();
    const spoil = (): void => {
      for (const name of ['b', 'large']) if (existsSync(join(setting.target, name))) writeFileSync(join(setting.target, name), 'spoilt');
    };
    const { failures, summary } = await setting.restore(tree, {
      verifies: true,
      reportItems: true,
      events: (event) => (event.kind === 'item' ? spoil() : undefined),
    });
    assert.deepEqual(
      failures.filter((line) => line.startsWith('/b')),
      ['/b: what was written differs from the snapshot'],
    );
    assert.equal(summary.filesVerified + summary.failureCount, 4);
    assert.deepEqual(
      [readFileSync(join(setting.target, 'a'), 'utf8'), readFileSync(join(setting.target, 'c'), 'utf8')],
      ['content of a', 'content of c'],
    );
  });
});

describe('a restore that is cancelled', () => {
  it('ends soon, says so, and leaves no descriptor open', async (t) => {
    const setting = await RestoreSetting.create(t);
    for (let number = 0; number < 300; number++) writeFileSync(join(setting.source, `${number}`), pseudoRandomBytes(100_000, number));
    const tree = await setting.backUp();
    const repository = await setting.open();
    await repository.loadIndex();
    const before = readdirSync('/proc/self/fd').length;
    const controller = new AbortController();
    const events = (event: { kind: string }): void => (event.kind === 'item' ? controller.abort() : undefined);
    await assert.rejects(restoreInto(repository, tree, setting.target, { signal: controller.signal, reportItems: true, events }), {
      code: 'cancelled',
    });
    await assert.rejects(restoreInto(repository, tree, setting.target, { signal: AbortSignal.abort() }), { code: 'cancelled' });
    assert.ok(readdirSync('/proc/self/fd').length <= before, `${readdirSync('/proc/self/fd').length} descriptors instead of ${before}`);
    const { failures } = await restoreInto(repository, tree, setting.target, { overwrite: 'if-changed' });
    assert.deepEqual(failures, []);
    assert.deepEqual(compareTrees(setting.source, setting.target), []);
  });
});

describe('a target without room', () => {
  it('ends the restore with storage-full', async (t) => {
    const setting = await RestoreSetting.create(t);
    for (let number = 0; number < 8; number++) writeFileSync(join(setting.source, `${number}`), pseudoRandomBytes(1 << 20, number));
    const tree = await setting.backUp();
    mkdirSync(setting.target);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', setting.target]);
    if (mounted.status !== 0) return t.skip('this user cannot mount a small file system');
    try {
      await assert.rejects(setting.restore(tree), { code: 'storage-full', message: /no room left/u, hint: /Free some room/u });
    } finally {
      execFileSync('umount', [setting.target]);
    }
  });
});

describe('an ordinary user', () => {
  const nobody = 65_534;

  function restoreAsNobody(setting: RestoreSetting, snapshotArgs: readonly string[]): ReturnType<typeof spawnSync> {
    const env = holdfastEnvironment(setting.repositoryPath);
    return spawnSync(holdfastPath, ['--json', 'restore', ...snapshotArgs], { env, uid: nobody, gid: nobody, cwd: '/', encoding: 'utf8' });
  }

  async function prepare(t: TestContext): Promise<RestoreSetting> {
    const setting = await RestoreSetting.create(t);
    const at = (name: string): string => join(setting.source, name);
    mkdirSync(at('closed/inner'), { recursive: true });
    for (const name of ['theirs', 'setuid', 'closed/file', 'closed/inner/file', 'unreadable']) writeFileSync(at(name), name);
    chmodSync(at('setuid'), 0o4755);
    chmodSync(at('unreadable'), 0o200);
    for (const name of ['closed/inner', 'closed']) chmodSync(at(name), 0o500);
    await setting.backUp();
    chmodSync(setting.folder, 0o755);
    execFileSync('chown', ['-R', `${nobody}:${nobody}`, setting.repositoryPath]);
    mkdirSync(setting.target);
    chownSync(setting.target, nobody, nobody);
    return setting;
  }

  it('restores what belongs to others as his own, without their privileges, also a second time', async (t) => {
    if (!isRoot) return t.skip('only root can become another user');
    const setting = await prepare(t);
    for (const args of [['--verify'], ['--verify'], ['--overwrite', 'if-changed'], ['--delete']]) {
      const result = restoreAsNobody(setting, ['latest', '--target', setting.target, ...args]);
      assert.equal(result.status, 0, `${args.join(' ')}: ${String(result.stderr)}${String(result.stdout)}`);
      const lines = jsonLines(`${String(result.stdout)}\n${String(result.stderr)}`);
      assert.match(String(messageOf(lines, 'warning')['message']), /got no setuid and setgid bits/u);
      assert.deepEqual(
        compareTrees(setting.source, setting.target, { except: ['owner'] }),
        ['setuid: mode 104755, not 100755'],
        args.join(' '),
      );
    }
    assert.equal(statSync(join(setting.target, 'closed/inner/file')).uid, nobody);
  });

  it('is told of what he may not make', async (t) => {
    if (!isRoot) return t.skip('only root can become another user');
    const setting = await prepare(t);
    if (spawnSync('mknod', [join(setting.source, 'device'), 'c', '1', '3']).status !== 0) return t.skip('no devices can be made here');
    execFileSync('chown', ['-R', '0:0', setting.repositoryPath]);
    await setting.backUp();
    execFileSync('chown', ['-R', `${nobody}:${nobody}`, setting.repositoryPath]);
    const result = restoreAsNobody(setting, ['latest', '--target', setting.target]);
    assert.notEqual(result.status, 0);
    const errors = jsonLines(String(result.stderr)).filter((line) => line['message_type'] === 'error');
    assert.deepEqual(
      errors.map((line) => line['item']),
      ['/device'],
    );
    assert.ok(lstatSync(join(setting.target, 'theirs')).isFile());
  });
});
