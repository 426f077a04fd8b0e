import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { compareTrees } from '../support/compare-trees.ts';
import { jsonLines, messageOf, snapshotOf, summaryOf } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { buildOddTree } from '../support/odd-tree.ts';
import { type PeerName, requirePeer, run } from '../support/peers.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { SharedRepository } from '../support/shared-repository.ts';
import { sharedSetting } from '../support/shared-setting.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Writer {
  readonly peer: PeerName;
  readonly init?: readonly string[];
  readonly backup?: readonly string[];
}

const writers: Readonly<Record<string, Writer>> = {
  'the newest restic': { peer: 'newest restic' },
  'the newest restic without compression, in small packs': { peer: 'newest restic', backup: ['--compression', 'off', '--pack-size', '4'] },
  'the newest restic with the best compression, in large packs': {
    peer: 'newest restic',
    backup: ['--compression', 'max', '--pack-size', '64'],
  },
  'the newest restic in version 1 of the format': { peer: 'newest restic', init: ['--repository-version', '1'] },
  'the system restic': { peer: 'system restic' },
  'the system restic in version 1 of the format': { peer: 'system restic', init: ['--repository-version', '1'] },
};

describe('a repository that was written by', { concurrency: 2 }, () => {
  const source = sharedSetting(async (t) => {
    const folder = temporaryFolder(t);
    buildOddTree(join(folder, 'source'));
    return { folder, path: join(folder, 'source') };
  });

  for (const [name, writer] of Object.entries(writers)) {
    it(`${name} is read, checked and restored by Holdfast, which adds snapshots that restic checks`, async (t) => {
      const shared = await create(t, writer);
      if (shared === undefined) return;
      const { folder, path } = source();
      const theirs = await shared.restic(['backup', '--json', ...(writer.backup ?? []), 'source'], { cwd: folder });
      await assertListed(shared, snapshotOf(theirs));
      await shared.holdfast(['check', '--read-data']);
      await assertRestored(shared, path, writer);
      await assertContinued(shared, folder, theirs);
    });
  }
});

async function create(t: TestContext, { peer: name, init = [] }: Writer): Promise<SharedRepository | undefined> {
  const peer = requirePeer(t, name);
  return peer === undefined ? undefined : await SharedRepository.createByRestic(t, peer, init);
}

async function assertListed(shared: SharedRepository, id: string): Promise<void> {
  const snapshots = JSON.parse((await shared.holdfast(['snapshots'])).stdout) as Record<string, unknown>[];
  assert.equal(snapshots.length, 1);
  // An older restic says only the beginning of an id.
  assert.ok(String(snapshots[0]?.['id']).startsWith(id));
  const [ours, theirs] = [await shared.holdfast(['ls', 'latest']), await shared.restic(['ls', '--json', 'latest'])];
  const pathsOf = ({ lines }: typeof ours): unknown[] => lines.filter((line) => line['struct_type'] === 'node').map((line) => line['path']);
  assert.deepEqual(pathsOf(ours), pathsOf(theirs));
}

async function assertRestored(shared: SharedRepository, source: string, { peer }: Writer): Promise<void> {
  const target = join(shared.folder, 'restored');
  await shared.holdfast(['restore', 'latest', '--target', target, '--verify']);
  const differences = compareTrees(source, join(target, 'source'));
  assert.deepEqual(
    differences.filter((line) => !wasNotSaved(peer, line)),
    [],
  );
  const dumped = await shared.holdfast(['dump', 'latest', '/source/contents/text']);
  assert.equal(dumped.stdout, readFileSync(join(source, 'contents/text'), 'utf8'));
}

/** No restic saves sockets; an older one takes link targets as text, and the attributes of what a link leads to for its own. */
function wasNotSaved(peer: PeerName, difference: string): boolean {
  if (difference === 'special/socket: only in the first') return true;
  return peer === 'system restic' && /^(folder names|links|attributes)\/.*: (link to|attributes) /u.test(difference);
}

/** What restic saved counts as unchanged, or at least adds no data: an older restic's trees have other fields. */
async function assertContinued(shared: SharedRepository, folder: string, theirs: Awaited<ReturnType<typeof shared.restic>>): Promise<void> {
  const ours = await shared.holdfast(['backup', 'source'], { cwd: folder });
  assert.equal(summaryOf(ours)['files_unmodified'], summaryOf(theirs)['files_new']);
  assert.equal(summaryOf(ours)['data_blobs'], 0);
  await shared.holdfast(['backup', '--tag', 'new data', '--stdin'], { input: pseudoRandomBytes(3_000_000, 99) });
  await shared.check('--read-data');
}

describe('a repository of restic', { concurrency: 2 }, () => {
  it('is read after forget, prune and repacking', async (t) => {
    const shared = await create(t, { peer: 'newest restic' });
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    mkdirSync(source);
    for (let generation = 0; generation < 4; generation++) {
      for (let i = 0; i < 40; i++) writeFileSync(join(source, `${i}`), pseudoRandomBytes(20_000, i * (i % (generation + 1))));
      await shared.restic(['backup', 'source'], { cwd: shared.folder });
    }
    await shared.restic(['forget', '--keep-last', '2', '--prune', '--max-unused', '0', '--repack-small']);
    await shared.holdfast(['check', '--read-data']);
    await shared.holdfast(['restore', 'latest', '--target', join(shared.folder, 'restored')]);
    assert.deepEqual(compareTrees(source, join(shared.folder, 'restored/source')), []);
    assert.equal(summaryOf(await shared.holdfast(['backup', 'source'], { cwd: shared.folder }))['data_blobs'], 0);
    await shared.check('--read-data');
  });

  it('is read when it was changed from version 1 to 2', async (t) => {
    const shared = await create(t, { peer: 'newest restic', init: ['--repository-version', '1'] });
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'old'), 'from the time of version 1'.repeat(1000));
    await shared.restic(['backup', 'source'], { cwd: shared.folder });
    await shared.restic(['migrate', 'upgrade_repo_v2']);
    writeFileSync(join(source, 'new'), 'from the time of version 2'.repeat(1000));
    await shared.restic(['backup', 'source'], { cwd: shared.folder });
    const added = await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    assert.equal(summaryOf(added)['files_unmodified'], 2);
    await shared.holdfast(['check', '--read-data']);
    await shared.check('--read-data');
    await shared.holdfast(['restore', 'latest', '--target', join(shared.folder, 'restored')]);
    assert.deepEqual(compareTrees(source, join(shared.folder, 'restored/source')), []);
  });

  it('with several keys opens by each of their passwords', async (t) => {
    const shared = await create(t, { peer: 'newest restic' });
    if (shared === undefined) return;
    for (const password of ['two', 'three']) {
      writeFileSync(join(shared.folder, 'password'), password);
      await shared.restic([
        'key',
        'add',
        '--new-password-file',
        join(shared.folder, 'password'),
        '--user',
        'somebody',
        '--host',
        'somewhere',
      ]);
    }
    assert.equal(readdirSync(join(shared.path, 'keys')).length, 3);
    for (const password of [testPassword, 'two', 'three']) await shared.holdfast(['snapshots'], { env: { HOLDFAST_PASSWORD: password } });
  });
});

describe('what restic restores from a snapshot of Holdfast as tar', () => {
  it('has the entries that Holdfast puts into one', async (t) => {
    const shared = await create(t, { peer: 'newest restic' });
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    buildOddTree(source);
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    const namesIn = async (archive: string): Promise<string[]> => (await run('tar', ['-tf', archive])).stdout.split('\n').sort();
    const [ours, theirs] = [join(shared.folder, 'ours.tar'), join(shared.folder, 'theirs.tar')];
    await shared.restic(['dump', '--target', theirs, 'latest', '/source/contents']);
    const dumped = await shared.holdfast(['dump', '--target', ours, 'latest', '/source/contents']);
    assert.deepEqual(await namesIn(ours), await namesIn(theirs));
    assert.ok(jsonLines(dumped.stdout).length === 0 || messageOf(dumped.lines, 'summary') !== undefined);
  });
});
