import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { messageOf, runHoldfast, snapshotOf, summaryOf } from '../support/holdfast.ts';
import { setTimes } from '../support/set-times.ts';
import { assertNothingAdded, assertSameSnapshot } from '../support/same-snapshot.ts';
import { requireTreePeer, SharedRepository } from '../support/shared-repository.ts';

const files = [
  'same',
  'touched',
  'longer',
  'other content',
  'other inode',
  'other mode',
  'becomes a folder',
  'becomes a link',
  'removed',
  'renamed',
];

/** Files of the second state by what the options make of them; the folder `below` holds a file that stays and one that is touched. */
const expectedCounts = {
  '': { files_new: 2, files_changed: 7, files_unmodified: 2 },
  '--ignore-ctime': { files_new: 2, files_changed: 5, files_unmodified: 4 },
  '--ignore-inode': { files_new: 2, files_changed: 4, files_unmodified: 5 },
  '--ignore-ctime --ignore-inode': { files_new: 2, files_changed: 4, files_unmodified: 5 },
  '--force': { files_new: 11, files_changed: 0, files_unmodified: 0 },
} as const;

describe('against a parent', { concurrency: 2 }, () => {
  for (const [options, expected] of Object.entries(expectedCounts)) {
    // Trees are the same whoever wrote them, so one set of options is enough for the second writer.
    for (const writer of options === '' ? ['restic', 'Holdfast'] : ['restic']) {
      it(`of ${writer}, ${options === '' ? 'changes' : `changes with ${options}`} are found as restic finds them`, async (t) => {
        const shared = await create(t);
        if (shared === undefined) return;
        const run = { cwd: shared.folder };
        const first = await (writer === 'restic'
          ? shared.restic(['backup', '--json', 'source'], run)
          : shared.holdfast(['backup', 'source'], run));
        changeSource(join(shared.folder, 'source'));
        const args = [...options.split(' ').filter((option) => option !== ''), '--parent', snapshotOf(first), 'source'];
        const { ours } = await assertSameSnapshot(shared, args, run);
        const { filesNew, filesChanged, filesUnmodified } = ours.summary ?? assert.fail('the snapshot has no summary');
        assert.deepEqual({ files_new: filesNew, files_changed: filesChanged, files_unmodified: filesUnmodified }, expected);
        await shared.check('--read-data');
      });
    }
  }

  it('an unchanged second run adds nothing and calls each file unmodified', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const run = { cwd: shared.folder };
    const first = await shared.holdfast(['backup', 'source'], run);
    const packs = packNames(shared);
    const second = await shared.holdfast(['backup', '--verbose=2', 'source'], run);
    assertNothingAdded(second);
    assert.equal(summaryOf(second)['files_unmodified'], summaryOf(first)['files_new']);
    assert.equal(summaryOf(second)['dirs_unmodified'], summaryOf(first)['dirs_new']);
    const actions = second.lines.filter((line) => line['message_type'] === 'verbose_status').map((line) => line['action']);
    assert.ok(actions.length >= files.length);
    assert.deepEqual(new Set(actions), new Set(['unchanged']));
    assert.deepEqual(packNames(shared), packs);
  });

  it('a file that counts as unchanged is not read', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const run = { cwd: shared.folder };
    const before = snapshotOf(await shared.holdfast(['backup', 'source'], run));
    replaceContent(join(shared.folder, 'source/same'), 'SAME');
    const after = snapshotOf(await shared.holdfast(['backup', '--ignore-ctime', 'source'], run));
    const dump = async (id: string): Promise<string> => (await shared.restic(['dump', id, '/source/same'])).stdout;
    assert.equal(await dump(after), await dump(before));
    const noticed = snapshotOf(await shared.holdfast(['backup', '--force', 'source'], run));
    assert.equal(await dump(noticed), 'SAME');
  });

  it('of another time zone, everything is unchanged', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    await shared.restic(['backup', 'source'], { cwd: shared.folder, env: { TZ: 'Asia/Tokyo' } });
    const result = await shared.holdfast(['backup', 'source'], { cwd: shared.folder, env: { TZ: 'America/Lima' } });
    const { files_new, files_changed, data_blobs } = summaryOf(result);
    assert.deepEqual({ files_new, files_changed, data_blobs }, { files_new: 0, files_changed: 0, data_blobs: 0 });
  });

  it('--skip-if-unchanged makes a snapshot only when something changed, as restic does', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const run = { cwd: shared.folder };
    await shared.restic(['backup', 'source'], run);
    const skipped = messageOf((await shared.holdfast(['backup', '--skip-if-unchanged', 'source'], run)).lines, 'summary');
    assert.equal('snapshot_id' in skipped, false);
    assert.equal((await shared.snapshots()).length, 1);
    writeFileSync(join(shared.folder, 'source/new'), 'new');
    snapshotOf(await shared.holdfast(['backup', '--skip-if-unchanged', 'source'], run));
    await shared.restic(['backup', '--skip-if-unchanged', 'source'], run);
    assert.equal((await shared.snapshots()).length, 2);
  });

  it('--dry-run counts what a run would do, and writes nothing', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const run = { cwd: shared.folder };
    await shared.holdfast(['backup', 'source'], run);
    changeSource(join(shared.folder, 'source'));
    const before = allFiles(shared);
    const dry = summaryOf(await shared.holdfast(['backup', '--dry-run', 'source'], run));
    assert.deepEqual(allFiles(shared), before);
    const real = summaryOf(await shared.holdfast(['backup', 'source'], run));
    for (const name of ['files_new', 'files_changed', 'files_unmodified', 'data_blobs', 'tree_blobs', 'data_added'])
      assert.equal(dry[name], real[name], name);
  });

  it('a parent that does not exist fails the run', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const result = await runHoldfast(shared.path, ['backup', '--parent', '0123456789abcdef', 'source'], { cwd: shared.folder });
    assert.equal(result.code, 1);
    assert.deepEqual(await shared.snapshots(), []);
  });

  it('the parent is chosen by host and paths, or by what --group-by says, as restic chooses it', async (t) => {
    const shared = await create(t);
    if (shared === undefined) return;
    const run = { cwd: shared.folder };
    const backup = async (...args: string[]): Promise<string> => snapshotOf(await shared.restic(['backup', '--json', ...args], run));
    await backup('--host', 'one', '--tag', 'a', 'source');
    await backup('--host', 'two', '--tag', 'b', 'source');
    await backup('--host', 'one', '--tag', 'b', 'source/below');
    await backup('--host', 'one', '--time', '2050-01-01 00:00:00', 'source');
    const choices = [
      ['--host', 'one', 'source'],
      ['--host', 'three', 'source'],
      ['--host', 'one', '--group-by', 'paths', 'source'],
      ['--host', 'one', '--tag', 'b', '--group-by', 'host,tags', 'source'],
      ['--host', 'three', '--group-by', '', 'source'],
      ['--host', 'one', '--time', '2060-01-01 00:00:00', 'source'],
    ];
    for (const args of choices) {
      const ours = await shared.holdfast(['backup', '--dry-run', ...args], run);
      const theirs = await shared.restic(['backup', '--dry-run', '--json', ...args], run);
      assert.equal(summaryOf(ours)['files_unmodified'], summaryOf(theirs)['files_unmodified'], args.join(' '));
    }
  });
});

async function create(t: TestContext): Promise<SharedRepository | undefined> {
  const peer = requireTreePeer(t);
  if (peer === undefined) return undefined;
  const shared = await SharedRepository.create(t, peer);
  const source = join(shared.folder, 'source');
  mkdirSync(join(source, 'below'), { recursive: true });
  for (const name of [...files, 'below/same', 'below/touched']) writeFileSync(join(source, name), name);
  symlinkSync('same', join(source, 'link'));
  return shared;
}

function changeSource(source: string): void {
  const at = (name: string): string => join(source, name);
  const later = new Date('2026-01-01T00:00:00Z');
  utimesSync(at('touched'), later, later);
  utimesSync(at('below/touched'), later, later);
  writeFileSync(at('longer'), 'much longer than before');
  replaceContent(at('other content'), 'OTHER CONTENT');
  replaceInode(at('other inode'));
  chmodSync(at('other mode'), 0o751);
  unlinkSync(at('becomes a folder'));
  mkdirSync(at('becomes a folder'));
  writeFileSync(at('becomes a folder/file'), 'in a folder that was a file');
  unlinkSync(at('becomes a link'));
  symlinkSync('same', at('becomes a link'));
  unlinkSync(at('link'));
  writeFileSync(at('link'), 'a file that was a link');
  rmSync(at('removed'));
  renameSync(at('renamed'), at('renamed to this'));
}

/** Other bytes of the same number, under the same inode and modification time: only the ctime tells. */
function replaceContent(path: string, content: string): void {
  const { mtimeNs, size } = lstatSync(path, { bigint: true });
  assert.equal(BigInt(content.length), size);
  writeFileSync(path, content);
  setTimes(path, undefined, mtimeNs);
}

/** The same content and modification time in a new file. */
function replaceInode(path: string): void {
  const { mtimeNs, ino } = lstatSync(path, { bigint: true });
  copyFileSync(path, `${path} copy`);
  setTimes(`${path} copy`, undefined, mtimeNs);
  renameSync(`${path} copy`, path);
  assert.notEqual(lstatSync(path, { bigint: true }).ino, ino);
}

function packNames(shared: SharedRepository): string[] {
  return allFiles(shared).filter((name) => name.startsWith('data/'));
}

function allFiles(shared: SharedRepository): string[] {
  return readdirSync(shared.path, { recursive: true, encoding: 'utf8' }).sort();
}
