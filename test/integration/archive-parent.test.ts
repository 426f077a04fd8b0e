/** How a backup finds out what has changed since the parent snapshot, and what it does then. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BlobId, IndexId } from '../../src/base/ids.ts';
import {
  ArchiveSetting,
  type ArchiveOptions,
  type ArchiveRun,
  countsOf,
  failuresOf,
  itemsOf,
  warningsOf,
} from '../support/archive-setting.ts';

const time = 1_600_000_000;

interface Changed {
  readonly setting: ArchiveSetting;
  readonly first: ArchiveRun;
  readonly at: (name: string) => string;
}

/** A folder with a file and a folder with a file, backed up; times are old, so that a write changes them. */
async function backedUp(t: TestContext): Promise<Changed> {
  const setting = await ArchiveSetting.create(t);
  const at = (name: string): string => join(setting.source, name);
  mkdirSync(at('folder'));
  for (const name of ['file', 'folder/inner']) {
    writeFileSync(at(name), `content of ${name}`);
    utimesSync(at(name), time, time);
  }
  return { setting, first: await setting.run(), at };
}

/** Has the same size and modification time as before: only inode and ctime tell. */
function rewriteUnseen(path: string, text: string): void {
  writeFileSync(path, text);
  utimesSync(path, time, time);
}

async function contentOf(setting: ArchiveSetting, { tree }: ArchiveRun, ...path: string[]): Promise<string> {
  const node = (await setting.nodes(tree, 'source', ...path.slice(0, -1))).get(path.at(-1) ?? '');
  return (await setting.content(node ?? assert.fail('it is not in the snapshot'))).toString();
}

describe('a backup with a parent', () => {
  it('reads nothing, stores nothing and comes to the same tree where nothing has changed', async (t) => {
    const { setting, first } = await backedUp(t);
    const run = await setting.run({ parent: first });
    assert.equal(run.tree, first.tree);
    assert.deepEqual(countsOf(run), { files: [0, 0, 2], dirs: [0, 0, 2] });
    assert.deepEqual([run.summary.dataAdded, run.summary.dataBlobs, run.summary.treeBlobs].map(Number), [0, 0, 0]);
    assert.equal(run.summary.totalBytesProcessed, first.summary.totalBytesProcessed);
  });

  it('stores what is new and finds what was renamed, moved or touched to be the same data', async (t) => {
    const { setting, first, at } = await backedUp(t);
    writeFileSync(at('new'), 'new content');
    renameSync(at('file'), at('renamed'));
    const run = await setting.run({ parent: first });
    assert.deepEqual(countsOf(run), { files: [2, 0, 1], dirs: [0, 1, 1] });
    assert.equal(Number(run.summary.dataBlobs), 1);
    assert.equal(await contentOf(setting, run, 'renamed'), 'content of file');
    utimesSync(at('new'), time, time);
    const touched = await setting.run({ parent: run });
    assert.deepEqual(countsOf(touched), { files: [0, 1, 2], dirs: [0, 1, 1] });
    assert.equal(Number(touched.summary.dataBlobs), 0);
  });

  it('sees another size, modification time, inode or ctime each by itself', async (t) => {
    const changes: Record<string, (path: string) => void> = {
      size: (path) => {
        appendFileSync(path, '!');
        utimesSync(path, time, time);
      },
      mtime: (path) => utimesSync(path, time, time + 1),
      inode: (path) => {
        rewriteUnseen(`${path}.new`, 'CONTENT OF FILE');
        renameSync(`${path}.new`, path);
      },
      ctime: (path) => rewriteUnseen(path, 'CONTENT OF FILE'),
    };
    const { setting, at } = await backedUp(t);
    for (const name of Object.keys(changes)) rewriteUnseen(at(name), 'content of file');
    const first = await setting.run();
    for (const [name, change] of Object.entries(changes)) change(at(name));
    const run = await setting.run({ parent: first, reportItems: true });
    const modified = itemsOf(run)
      .filter((item) => item.action === 'modified')
      .map((item) => item.path);
    assert.deepEqual(new Set(modified), new Set(Object.keys(changes).map(at)));
    assert.deepEqual(countsOf(run).files, [0, 4, 2]);
    const contents = await Promise.all(Object.keys(changes).map((name) => contentOf(setting, run, name)));
    assert.deepEqual(contents, ['content of file!', 'content of file', 'CONTENT OF FILE', 'CONTENT OF FILE']);
  });

  it('ignores ctime, or inode, when it is told to', async (t) => {
    const { setting, first, at } = await backedUp(t);
    const { ino } = statSync(at('file'));
    rewriteUnseen(at('file'), 'CONTENT OF FILE');
    assert.equal(statSync(at('file')).ino, ino);
    const withoutCtime = await setting.run({ parent: first, changes: { ignoreInode: false, ignoreCtime: true } });
    assert.deepEqual(countsOf(withoutCtime).files, [0, 0, 2]);
    assert.equal(await contentOf(setting, withoutCtime, 'file'), 'content of file');
    rewriteUnseen(at('other'), 'CONTENT OF FILE');
    renameSync(at('other'), at('file'));
    const onlyCtime = await setting.run({ parent: first, changes: { ignoreInode: false, ignoreCtime: true } });
    assert.deepEqual(countsOf(onlyCtime).files, [0, 1, 1]);
    const neither = await setting.run({ parent: first, changes: { ignoreInode: true, ignoreCtime: true } });
    assert.deepEqual(countsOf(neither).files, [0, 0, 2]);
  });

  it('counts as changed what is of another kind now', async (t) => {
    const { setting, first, at } = await backedUp(t);
    unlinkSync(at('file'));
    mkdirSync(at('file'));
    rmSync(at('folder'), { recursive: true });
    writeFileSync(at('folder'), 'a file now');
    const run = await setting.run({ parent: first });
    assert.deepEqual(countsOf(run), { files: [0, 1, 0], dirs: [0, 2, 0] });
    unlinkSync(at('folder'));
    symlinkSync('file', at('folder'));
    const linked = await setting.run({ parent: run });
    assert.equal((await setting.nodes(linked.tree, 'source')).get('folder')?.type, 'symlink');
  });

  it('reads all files again without one', async (t) => {
    const { setting, first, at } = await backedUp(t);
    rewriteUnseen(at('file'), 'CONTENT OF FILE');
    const forced = await setting.run();
    assert.deepEqual(countsOf(forced), { files: [2, 0, 0], dirs: [2, 0, 0] });
    assert.equal(Number(forced.summary.dataBlobs), 1);
    assert.notEqual(forced.tree, first.tree);
  });

  it('stores a file again whose content is missing in the repository, and says so', async (t) => {
    const { setting, first } = await backedUp(t);
    const node = (await setting.nodes(first.tree, 'source')).get('file');
    const { index } = await rewriteIndexWithout(setting, node?.content?.[0] ?? assert.fail('it has no content'));
    assert.equal(index, 1);
    const run = await setting.run({ parent: first });
    assert.equal(warningsOf(run).length, 1);
    assert.match(warningsOf(run)[0] ?? '', /parts of .*source\/file are missing in the repository/u);
    // It is what it was, as restic counts.
    assert.deepEqual(countsOf(run).files, [0, 0, 2]);
    assert.equal(Number(run.summary.dataBlobs), 1);
    assert.equal(await contentOf(setting, run, 'file'), 'content of file');
    assert.equal(run.tree, first.tree);
  });

  it('reports a tree of the parent that is missing, reads its files again, and saves everything', async (t) => {
    const { setting, first } = await backedUp(t);
    const folder = (await setting.nodes(first.tree, 'source')).get('folder');
    await rewriteIndexWithout(setting, folder?.subtree ?? assert.fail('it has no tree'));
    const run = await setting.run({ parent: first });
    assert.deepEqual(
      failuresOf(run).map(({ path, error }) => [path, error.code]),
      [['parent snapshot', 'damaged']],
    );
    assert.equal(run.failureCount, 1);
    assert.deepEqual(countsOf(run).files, [1, 0, 1]);
    assert.equal(run.tree, first.tree);
    assert.equal(await contentOf(setting, run, 'folder', 'inner'), 'content of folder/inner');
  });

  it('makes no snapshot of an unchanged tree when it is told so, and one of a changed tree', async (t) => {
    const { setting, first, at } = await backedUp(t);
    const options: ArchiveOptions = { parent: first, skipIfUnchanged: true };
    const same = await setting.run(options);
    assert.equal(same.snapshotId, undefined);
    assert.equal(same.tree, first.tree);
    assert.deepEqual(setting.snapshots, [first.tree]);
    appendFileSync(at('file'), '!');
    const other = await setting.run(options);
    assert.notEqual(other.snapshotId, undefined);
    assert.deepEqual(setting.snapshots, [first.tree, other.tree]);
  });
});

/** As if a blob had been lost: writes the index anew without it. */
async function rewriteIndexWithout(setting: ArchiveSetting, lost: BlobId): Promise<{ index: number }> {
  const { repository } = setting;
  const names = await setting.stored('index');
  for (const name of names) {
    const json = JSON.parse((await repository.files.load('index', name as IndexId)).toString()) as { packs: { blobs: { id: string }[] }[] };
    for (const pack of json.packs) pack.blobs = pack.blobs.filter((blob) => blob.id !== lost);
    json.packs = json.packs.filter((pack) => pack.blobs.length > 0);
    await repository.files.save('index', Buffer.from(JSON.stringify(json)));
    await repository.files.remove('index', name as IndexId);
  }
  return { index: names.length };
}
