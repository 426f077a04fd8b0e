/** Restores of a part of a snapshot, and what else options choose. */
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BlobId } from '../../src/base/ids.ts';
import { cName } from '../../src/posix/names.ts';
import { listAttributes, setAttribute } from '../../src/posix/xattrs.ts';
import type { RestoreSelection } from '../../src/restorer/restore-options.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { RestoreSetting } from '../support/restore-setting.ts';
import { setTimes } from '../support/set-times.ts';

async function project(t: TestContext): Promise<{ setting: RestoreSetting; tree: BlobId }> {
  const setting = await RestoreSetting.create(t);
  const at = (name: string): string => join(setting.source, name);
  for (const folder of ['src/deep', 'docs', 'empty']) mkdirSync(at(folder), { recursive: true });
  for (const file of ['src/a.ts', 'src/deep/b.TS', 'src/deep/c.txt', 'docs/d.txt', 'e']) writeFileSync(at(file), file);
  symlinkSync('a.ts', at('src/link.ts'));
  setTimes(at('src/deep'), 1n, 2n);
  setTimes(at('src'), 3n, 4n);
  return { setting, tree: await setting.backUp() };
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted() : [];
}

const selections: Readonly<Record<string, { selection: RestoreSelection; expected: readonly string[] }>> = {
  'an included file, with the folders above it': {
    selection: { includes: ['/src/deep/c.txt'] },
    expected: ['src', 'src/deep', 'src/deep/c.txt'],
  },
  'an included folder with all that is in it': { selection: { includes: ['docs'] }, expected: ['docs', 'docs/d.txt'] },
  'a pattern wherever it matches': { selection: { includes: ['*.ts'] }, expected: ['src', 'src/a.ts', 'src/link.ts'] },
  'a pattern of any case': {
    selection: { iincludes: ['*.ts'] },
    expected: ['src', 'src/a.ts', 'src/deep', 'src/deep/b.TS', 'src/link.ts'],
  },
  'all but what is excluded': { selection: { excludes: ['/src', 'empty'] }, expected: ['docs', 'docs/d.txt', 'e'] },
  'nothing below an excluded folder': { selection: { iexcludes: ['DEEP', '/docs', '/e*'] }, expected: ['src', 'src/a.ts', 'src/link.ts'] },
  'nothing when nothing matches': { selection: { includes: ['/no/such/file'] }, expected: [] },
};

describe('a selection restores', { concurrency: 2 }, () => {
  for (const [what, { selection, expected }] of Object.entries(selections)) {
    it(what, async (t) => {
      const { setting, tree } = await project(t);
      const { failures } = await setting.restore(tree, { selection });
      assert.deepEqual(failures, []);
      assert.deepEqual(entriesOf(setting.target), expected);
    });
  }

  it('the metadata of folders that are there only for what is in them', async (t) => {
    const { setting, tree } = await project(t);
    await setting.restore(tree, { selection: { includes: ['/src/deep/c.txt'] } });
    const times = ['src', 'src/deep'].map((name) => statSync(join(setting.target, name), { bigint: true }).mtimeNs);
    assert.deepEqual(times, [4n, 2n]);
  });

  it('a subfolder as the target itself, with patterns that begin there', async (t) => {
    const { setting, tree } = await project(t);
    await setting.restore(tree, { subfolder: '/src', selection: { includes: ['/deep/c.txt'] } });
    assert.deepEqual(entriesOf(setting.target), ['deep', 'deep/c.txt']);
  });

  it('nothing when a subfolder does not exist, or is a file', async (t) => {
    const { setting, tree } = await project(t);
    await assert.rejects(setting.restore(tree, { subfolder: '/nothing' }), { code: 'not-found' });
    await assert.rejects(setting.restore(tree, { subfolder: '/e' }), { code: 'not-found' });
  });
});

describe('hard links', () => {
  it('stay links among what is selected, also when the first name is not', async (t) => {
    const setting = await RestoreSetting.create(t);
    for (const folder of ['a', 'b', 'c']) mkdirSync(join(setting.source, folder));
    writeFileSync(join(setting.source, 'a/1'), pseudoRandomBytes(3 << 20, 1));
    for (const name of ['b/2', 'b/3', 'c/4']) linkSync(join(setting.source, 'a/1'), join(setting.source, name));
    const tree = await setting.backUp();
    const { failures, summary } = await setting.restore(tree, { selection: { excludes: ['/a'] } });
    assert.deepEqual(failures, []);
    const inodes = ['b/2', 'b/3', 'c/4'].map((name) => statSync(join(setting.target, name)).ino);
    assert.equal(new Set(inodes).size, 1);
    assert.deepEqual([summary.totalBytes, summary.bytesRestored], [3 << 20, 3 << 20]);
    assert.deepEqual([summary.totalFiles, summary.filesRestored], [5, 5]);
  });

  it('are made anew when they are restored over themselves', async (t) => {
    const setting = await RestoreSetting.create(t);
    writeFileSync(join(setting.source, '1'), 'content');
    writeFileSync(join(setting.source, 'empty'), '');
    for (const name of ['1', 'empty']) linkSync(join(setting.source, name), join(setting.source, `${name}-again`));
    const tree = await setting.backUp();
    for (const overwrite of ['always', 'always', 'if-changed'] as const) {
      const { failures } = await setting.restore(tree, { overwrite });
      assert.deepEqual(failures, []);
      assert.deepEqual(compareTrees(setting.source, setting.target), []);
    }
  });
});

describe('a dry run', () => {
  it('makes nothing, not even the target, and says what it would make', async (t) => {
    const { setting, tree } = await project(t);
    const { items, summary } = await setting.restore(tree, { isDryRun: true, reportItems: true });
    assert.ok(!existsSync(setting.target));
    assert.equal(items.length, 10);
    assert.ok(items.every((item) => item.startsWith('restored /')));
    const { summary: real } = await setting.restore(tree);
    assert.deepEqual({ ...summary, secondsElapsed: 0 }, { ...real, secondsElapsed: 0 });
  });

  it('cannot be combined with the verification of what it did not write', async (t) => {
    const { setting, tree } = await project(t);
    await assert.rejects(setting.restore(tree, { isDryRun: true, verifies: true }), { code: 'usage' });
    await assert.rejects(setting.restore(tree, { selection: { includes: ['a'], iexcludes: ['b'] } }), { code: 'usage' });
    await assert.rejects(setting.restore(tree, { selection: { includes: ['[a'] } }), { code: 'usage' });
    assert.ok(!existsSync(setting.target));
  });
});

describe('extended attributes', () => {
  async function attributesAfter(
    t: TestContext,
    options: { excludeAttributes?: string[]; includeAttributes?: string[] },
  ): Promise<string[]> {
    const setting = await RestoreSetting.create(t);
    writeFileSync(join(setting.source, 'file'), 'x');
    for (const name of ['user.one', 'user.two']) setAttribute(cName(join(setting.source, 'file')), name, Buffer.from(name));
    const tree = await setting.backUp();
    mkdirSync(setting.target);
    writeFileSync(join(setting.target, 'file'), 'x');
    setAttribute(cName(join(setting.target, 'file')), 'user.old', Buffer.from('old'));
    const { failures } = await setting.restore(tree, options);
    assert.deepEqual(failures, []);
    return listAttributes(cName(join(setting.target, 'file')))
      .map(({ name }) => name)
      .toSorted();
  }

  it('that the snapshot does not have are removed', async (t) => {
    assert.deepEqual(await attributesAfter(t, {}), ['user.one', 'user.two']);
  });

  it('can be chosen by pattern, and those not chosen stay as they are', async (t) => {
    assert.deepEqual(await attributesAfter(t, { excludeAttributes: ['user.o*'] }), ['user.old', 'user.two']);
    assert.deepEqual(await attributesAfter(t, { includeAttributes: ['user.one'] }), ['user.old', 'user.one']);
  });
});

describe('the target', () => {
  it('may be a link to a folder', async (t) => {
    const { setting, tree } = await project(t);
    mkdirSync(join(setting.folder, 'real'));
    symlinkSync('real', setting.target);
    await setting.restore(tree);
    assert.equal(readlinkSync(setting.target), 'real');
    assert.deepEqual(compareTrees(setting.source, join(setting.folder, 'real')), []);
  });

  it('is made together with the folders above it', async (t) => {
    const { setting, tree } = await project(t);
    const target = join(setting.folder, 'new/and/deep');
    await setting.restore(tree, { target });
    assert.equal(readFileSync(join(target, 'e'), 'utf8'), 'e');
    assert.equal(statSync(join(setting.folder, 'new')).mode & 0o777, 0o700);
  });

  it('has to be a folder', async (t) => {
    const { setting, tree } = await project(t);
    writeFileSync(setting.target, 'a file');
    await assert.rejects(setting.restore(tree), { code: 'usage', message: /is not a directory/u });
    await assert.rejects(setting.restore(tree, { isDryRun: true }), { code: 'usage' });
    await assert.rejects(setting.restore(tree, { target: join(setting.target, 'below') }), { code: 'usage' });
  });
});
