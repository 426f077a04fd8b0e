import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { compareTrees } from '../support/compare-trees.ts';
import { chooseSeed, generateTree } from '../support/generated-tree.ts';
import { messageOf, summaryOf } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer } from '../support/peers.ts';
import { SharedRepository } from '../support/shared-repository.ts';

const from = (source: SharedRepository) => ({ HOLDFAST_FROM_REPOSITORY: source.path, HOLDFAST_FROM_PASSWORD: testPassword });
const fromForRestic = (source: SharedRepository) => ({ RESTIC_FROM_REPOSITORY: source.path, RESTIC_FROM_PASSWORD: testPassword });

describe('copy', { concurrency: 2 }, () => {
  it('writes the snapshots that restic writes, byte for byte, from a repository of restic', async (t) => {
    const scene = await Scene.create(t);
    if (scene === undefined) return;
    const [ours, theirs] = [await scene.repository(), await scene.repository()];
    await ours.holdfast(['copy'], { env: from(scene.source) });
    await theirs.restic(['copy'], { env: fromForRestic(scene.source) });
    assert.deepEqual(await recordsOf(ours), await recordsOf(theirs));
    assert.equal((await recordsOf(ours)).length, 3);
    await ours.check('--read-data');
    await assertRestored(ours, scene.files);
  });

  it('skips what restic copied, and restic skips what it copied', async (t) => {
    const scene = await Scene.create(t);
    if (scene === undefined) return;
    const [ours, theirs] = [await scene.repository(), await scene.repository()];
    await ours.holdfast(['copy'], { env: from(scene.source) });
    await theirs.restic(['copy'], { env: fromForRestic(scene.source) });
    const { snapshots_skipped, snapshots_copied, packs_written } = summaryOf(await theirs.holdfast(['copy'], { env: from(scene.source) }));
    assert.deepEqual(
      { snapshots_skipped, snapshots_copied, packs_written },
      { snapshots_skipped: 3, snapshots_copied: 0, packs_written: 0 },
    );
    const said = (await ours.restic(['copy', '-v'], { env: fromForRestic(scene.source) })).stdout;
    assert.equal(said.match(/was already copied/gu)?.length, 3);
    assert.equal((await recordsOf(ours)).length, 3);
  });

  it('copies again what got other tags since, as restic does, and from copies keeps the first original', async (t) => {
    const scene = await Scene.create(t);
    if (scene === undefined) return;
    const [second, third] = [await scene.repository(), await scene.repository()];
    await second.holdfast(['copy'], { env: from(scene.source) });
    await second.restic(['tag', '--set', 'other', '--host', 'beta']);
    assert.equal(summaryOf(await second.holdfast(['copy'], { env: from(scene.source) }))['snapshots_copied'], 1);
    await third.holdfast(['copy', '--tag', 'other'], { env: from(second) });
    const [copy] = await third.snapshots();
    const sources = await scene.source.snapshots();
    assert.equal(copy?.['original'], sources.find((snapshot) => snapshot['hostname'] === 'beta')?.['id']);
    await third.check('--read-data');
  });

  it('takes the snapshots that restic would take, by id, filter and latest', async (t) => {
    const scene = await Scene.create(t);
    if (scene === undefined) return;
    const id = String((await scene.source.snapshots())[1]?.['id']);
    for (const args of choices(id)) {
      const ours: SharedRepository = await scene.repository();
      const theirs: SharedRepository = await scene.repository();
      await ours.holdfast(['copy', ...args], { env: from(scene.source) });
      await theirs.restic(['copy', ...args], { env: fromForRestic(scene.source) });
      assert.deepEqual(await recordsOf(ours), await recordsOf(theirs), args.join(' '));
    }
  });

  it('brings what Holdfast saved into a repository of version 1, from one of version 1, and restic copies it on', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const [source, middle, last] = [
      await SharedRepository.createByRestic(t, peer, ['--repository-version', '1']),
      await SharedRepository.create(t, peer),
      await SharedRepository.createByRestic(t, peer, ['--repository-version', '1']),
    ];
    const files = join(source.folder, 'files');
    generateTree(files, { seed: chooseSeed((line) => t.diagnostic(line)), fileCount: 100, maxFileBytes: 300_000 });
    await source.holdfast(['backup', 'files'], { cwd: source.folder });
    await middle.holdfast(['copy', '--verify'], { env: from(source) });
    await last.holdfast(['copy', '--verify'], { env: from(middle) });
    for (const repository of [middle, last]) {
      await repository.check('--read-data');
      await assertRestored(repository, files);
    }
    const theirs = await SharedRepository.create(t, peer);
    await theirs.restic(['copy'], { env: fromForRestic(last) });
    assert.equal(summaryOf(await theirs.holdfast(['copy'], { env: from(middle) }))['snapshots_skipped'], 1);
  });

  it('shares data with later backups when the polynomial was copied by init, of Holdfast or of restic, and warns when it was not', async (t) => {
    const scene = await Scene.create(t);
    if (scene === undefined) return;
    const alike = SharedRepository.at(t, scene.source.peer);
    await alike.holdfast(['init', '--copy-chunker-params'], { env: from(scene.source) });
    const other = await scene.repository();
    for (const repository of [alike, other]) {
      const { lines } = await repository.holdfast(['copy'], { env: from(scene.source) });
      assert.equal(
        lines.some((line) => line['message_type'] === 'warning'),
        repository === other,
      );
    }
    const added = async (repository: SharedRepository): Promise<number | undefined> =>
      summaryOf(await repository.holdfast(['backup', '--force', 'large'], { cwd: scene.folder }))['data_blobs'];
    assert.equal(await added(alike), 0);
    assert.ok(Number(await added(other)) > 0);
    const theirs = SharedRepository.at(t, scene.source.peer);
    await theirs.restic(['init', '--copy-chunker-params'], { env: fromForRestic(alike) });
    const configs = await Promise.all([alike, theirs, scene.source].map(configOf));
    assert.equal(new Set(configs.map(({ chunker_polynomial }) => chunker_polynomial)).size, 1);
  });
});

describe('migrate', () => {
  it('upgrades a repository of version 1, which restic then reads, checks and writes as one of version 2', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.createByRestic(t, peer, ['--repository-version', '1']);
    const files = join(shared.folder, 'files');
    mkdirSync(files);
    writeFileSync(join(files, 'old'), 'from the time of version 1 '.repeat(1000));
    await shared.restic(['backup', 'files'], { cwd: shared.folder });
    const available = messageOf((await shared.holdfast(['migrate'])).lines, 'migrations')['migrations'] as { name: string }[];
    assert.deepEqual(
      available.map(({ name }) => name),
      ['upgrade_repo_v2'],
    );
    assert.equal(messageOf((await shared.holdfast(['migrate', 'upgrade_repo_v2'])).lines, 'migration_applied')['name'], 'upgrade_repo_v2');
    assert.equal((await shared.holdfast(['migrate', 'upgrade_repo_v2'])).lines.length, 1);
    assert.equal((await configOf(shared)).version, 2);
    writeFileSync(join(files, 'new'), 'from the time of version 2 '.repeat(1000));
    for (const program of ['restic', 'holdfast'] as const) await shared[program](['backup', 'files'], { cwd: shared.folder });
    await shared.check('--read-data');
    await assertRestored(shared, files);
  });

  it('refuses a repository that is damaged, and leaves it as it is', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.createByRestic(t, peer, ['--repository-version', '1']);
    generateTree(join(shared.folder, 'files'), { seed: 1, fileCount: 5, maxFileBytes: 1000 });
    await shared.restic(['backup', 'files'], { cwd: shared.folder });
    await using repository = await shared.open();
    for await (const { name } of repository.backend.list('pack')) await repository.backend.remove({ kind: 'pack', name });
    await assert.rejects(shared.holdfast(['migrate', 'upgrade_repo_v2']), /errors, and was not changed/u);
    assert.equal((await configOf(shared)).version, 1);
  });
});

/** A repository with three snapshots that restic made, of two hosts, with tags, excludes and a parent. */
class Scene {
  readonly #t: TestContext;
  readonly source: SharedRepository;
  readonly folder: string;
  readonly files: string;

  private constructor(t: TestContext, source: SharedRepository) {
    this.#t = t;
    this.source = source;
    this.folder = source.folder;
    this.files = join(source.folder, 'files');
  }

  static async create(t: TestContext): Promise<Scene | undefined> {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return undefined;
    const scene = new Scene(t, await SharedRepository.create(t, peer));
    const seed = chooseSeed((line) => t.diagnostic(line));
    generateTree(scene.files, { seed, fileCount: 120, maxFileBytes: 200_000 });
    generateTree(join(scene.folder, 'large'), { seed, fileCount: 3, maxFileBytes: 20_000_000 });
    const backUp = async (...args: string[]): Promise<void> => void (await scene.source.restic(['backup', ...args], { cwd: scene.folder }));
    await backUp('large', '--host', 'alpha', '--tag', 'one,two', '--exclude', '*.tmp');
    await backUp('files', 'large', '--host', 'beta', '--tag', 'one', '--time', '2026-01-02 03:04:05');
    writeFileSync(join(scene.files, 'new file'), 'new');
    await backUp('files', '--host', 'alpha', '--time', '2030-01-02 03:04:05');
    return scene;
  }

  /** An empty one, with another key and polynomial. */
  async repository(): Promise<SharedRepository> {
    return await SharedRepository.create(this.#t, this.source.peer);
  }
}

const choices = (id: string): string[][] => [
  [id.slice(0, 8)],
  ['latest'],
  ['latest', '--host', 'alpha'],
  ['--tag', 'one,two'],
  ['--host', 'beta'],
  [id, 'latest'],
];

/** The JSON of all snapshots as it is stored: nothing in it differs from run to run. */
async function recordsOf(shared: SharedRepository): Promise<string[]> {
  await using repository = await shared.open();
  const ids = (await repository.snapshots.list()).map(({ id }) => id);
  const texts = await Promise.all(ids.map(async (id) => (await repository.files.load('snapshot', id)).toString('utf8')));
  return texts.sort();
}

/** As restic shows it. */
async function configOf(shared: SharedRepository): Promise<{ readonly version: number; readonly chunker_polynomial: string }> {
  return JSON.parse((await shared.tryRestic(['cat', 'config'])).stdout) as { version: number; chunker_polynomial: string };
}

async function assertRestored(shared: SharedRepository, files: string): Promise<void> {
  const target = join(shared.folder, 'restored');
  await shared.restic(['restore', 'latest', '--target', target]);
  assert.deepEqual(compareTrees(files, join(target, 'files')), []);
}
