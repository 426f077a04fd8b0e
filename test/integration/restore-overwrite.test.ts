/** Restores into a folder where something is already: what is kept, changed, replaced and deleted. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BlobId } from '../../src/base/ids.ts';
import type { RestoreOptions } from '../../src/restorer/restore-options.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { RestoreSetting } from '../support/restore-setting.ts';
import { setTimes } from '../support/set-times.ts';

const mib = 1 << 20;
const oldNs = 1_000_000_000n * 1_000_000_000n;
const newNs = 1_500_000_000n * 1_000_000_000n;

interface Restored {
  readonly setting: RestoreSetting;
  readonly tree: BlobId;
  at(name: string): string;
  again(options?: Partial<RestoreOptions>): ReturnType<RestoreSetting['restore']>;
}

/** A backup of a large file, a small one and one in a folder, restored once. */
async function restoredOnce(t: TestContext): Promise<Restored> {
  const setting = await RestoreSetting.create(t);
  mkdirSync(join(setting.source, 'folder'));
  writeFileSync(join(setting.source, 'large'), pseudoRandomBytes(12 * mib, 1));
  writeFileSync(join(setting.source, 'small'), 'small content');
  writeFileSync(join(setting.source, 'empty'), '');
  writeFileSync(join(setting.source, 'folder/inside'), 'inside');
  symlinkSync('small', join(setting.source, 'link'));
  for (const name of ['large', 'small', 'empty', 'folder/inside', 'link', 'folder', '']) setTimes(join(setting.source, name), newNs, newNs);
  const tree = await setting.backUp();
  await setting.restore(tree);
  assert.deepEqual(compareTrees(setting.source, setting.target), []);
  return {
    setting,
    tree,
    at: (name) => join(setting.target, name),
    again: async (options = {}) => await setting.restore(tree, { reportItems: true, ...options }),
  };
}

function overwriteMiddle(path: string): void {
  const content = readFileSync(path);
  content.fill('x', 6 * mib, 6 * mib + 100);
  writeFileSync(path, content);
}

describe('overwrite always', { concurrency: 2 }, () => {
  it('writes only those parts of a file that differ, and keeps its inode', async (t) => {
    const { setting, at, again } = await restoredOnce(t);
    const { ino } = statSync(at('large'));
    overwriteMiddle(at('large'));
    const { summary, items } = await again({ verifies: true });
    assert.equal(statSync(at('large')).ino, ino);
    assert.ok(items.includes('updated /large') && items.includes('skipped /small'), items.join('\n'));
    assert.deepEqual([summary.bytesRestored, summary.filesVerified], [12 * mib, 1]);
    assert.deepEqual(compareTrees(setting.source, setting.target), []);
  });

  it('corrects files that grew, shrank or were emptied', async (t) => {
    const { setting, at, again } = await restoredOnce(t);
    appendFileSync(at('large'), 'more');
    writeFileSync(at('small'), 'small');
    appendFileSync(at('empty'), 'not any more');
    writeFileSync(at('folder/inside'), '');
    const { items } = await again();
    assert.deepEqual(
      items.filter((item) => item.startsWith('updated')),
      ['updated /empty', 'updated /folder/inside', 'updated /large', 'updated /small'],
    );
    assert.deepEqual(compareTrees(setting.source, setting.target), []);
  });

  it('puts zeros where the content has zeros and the old file has not', async (t) => {
    const setting = await RestoreSetting.create(t);
    writeFileSync(join(setting.source, 'zeros'), Buffer.alloc(3 * mib));
    const tree = await setting.backUp();
    mkdirSync(setting.target);
    writeFileSync(join(setting.target, 'zeros'), Buffer.alloc(3 * mib, 'x'));
    await setting.restore(tree);
    assert.deepEqual(compareTrees(setting.source, setting.target, { except: ['holes'] }), []);
  });

  it('does not change the other names of a file that is replaced', async (t) => {
    const { setting, at, again } = await restoredOnce(t);
    const elsewhere = join(setting.folder, 'elsewhere');
    overwriteMiddle(at('large'));
    linkSync(at('large'), elsewhere);
    const before = readFileSync(elsewhere);
    await again();
    assert.deepEqual(readFileSync(elsewhere), before);
    assert.deepEqual(compareTrees(setting.source, setting.target), []);
  });

  it('corrects the metadata of content that is right', async (t) => {
    const { setting, at, again } = await restoredOnce(t);
    chmodSync(at('small'), 0o777);
    chmodSync(at('folder'), 0o711);
    setTimes(at('large'), 5n, 5n);
    const { summary } = await again();
    assert.equal(summary.bytesRestored, 0);
    assert.deepEqual(compareTrees(setting.source, setting.target), []);
  });

  it('replaces links and empty folders where files belong, and whatever is no folder where folders belong', async (t) => {
    const { setting, at, again } = await restoredOnce(t);
    for (const name of ['small', 'empty', 'folder', 'link']) rmSync(at(name), { recursive: true });
    symlinkSync('/nowhere', at('small'));
    mkdirSync(at('empty'));
    writeFileSync(at('folder'), 'a file');
    mkdirSync(at('link'));
    const { failures } = await again();
    assert.deepEqual(failures, []);
    assert.deepEqual(compareTrees(setting.source, setting.target), []);
  });

  it('names a file that cannot be restored because a full folder is in its place, and restores the others', async (t) => {
    const { setting, at, again } = await restoredOnce(t);
    for (const name of ['small', 'large', 'link']) {
      rmSync(at(name));
      mkdirSync(at(`${name}/full`), { recursive: true });
    }
    writeFileSync(at('folder/inside'), 'other');
    const { failures, summary } = await again();
    assert.deepEqual(failures.toSorted(), [
      '/large: unlink failed: ENOTEMPTY',
      '/link: unlink failed: ENOTEMPTY',
      '/small: unlink failed: ENOTEMPTY',
    ]);
    assert.equal(summary.failureCount, 3);
    assert.equal(readFileSync(at('folder/inside'), 'utf8'), 'inside');
    const { failures: afterwards } = await again({ deletesUnexpected: true });
    assert.deepEqual(afterwards, []);
    assert.deepEqual(compareTrees(setting.source, setting.target), []);
  });
});

describe('overwrite if-changed', () => {
  it('trusts size and time of modification, and corrects the rest of the metadata', async (t) => {
    const { at, again } = await restoredOnce(t);
    writeFileSync(at('small'), 'SMALL CONTENT');
    setTimes(at('small'), newNs, newNs);
    chmodSync(at('small'), 0o600);
    overwriteMiddle(at('large'));
    const { items, summary } = await again({ overwrite: 'if-changed' });
    assert.equal(readFileSync(at('small'), 'utf8'), 'SMALL CONTENT');
    assert.equal(statSync(at('small')).mode & 0o777, 0o644);
    assert.ok(items.includes('updated /large') && items.includes('skipped /small'), items.join('\n'));
    assert.equal(summary.filesSkipped, 3);
  });
});

describe('overwrite if-newer', () => {
  it('leaves alone what is as new or newer, and replaces what is older', async (t) => {
    const { at, again } = await restoredOnce(t);
    for (const name of ['small', 'folder/inside', 'empty']) writeFileSync(at(name), 'changed');
    setTimes(at('small'), oldNs, oldNs);
    setTimes(at('folder/inside'), newNs, newNs);
    setTimes(at('empty'), newNs + 1n, newNs + 1n);
    setTimes(at('large'), oldNs, newNs - 1n);
    await again({ overwrite: 'if-newer' });
    assert.deepEqual(
      ['small', 'folder/inside', 'empty'].map((name) => readFileSync(at(name), 'utf8')),
      ['small content', 'changed', 'changed'],
    );
    assert.equal(statSync(at('large'), { bigint: true }).mtimeNs, newNs);
  });
});

describe('overwrite never', () => {
  it('adds what is missing and leaves everything else alone', async (t) => {
    const { at, again } = await restoredOnce(t);
    writeFileSync(at('small'), 'mine');
    chmodSync(at('small'), 0o600);
    rmSync(at('large'));
    rmSync(at('link'));
    symlinkSync('mine', at('link'));
    const { items, summary } = await again({ overwrite: 'never' });
    assert.equal(readFileSync(at('small'), 'utf8'), 'mine');
    assert.equal(statSync(at('small')).mode & 0o777, 0o600);
    assert.equal(statSync(at('large')).size, 12 * mib);
    assert.equal(readdirSync(at('')).length, 5);
    assert.ok(items.includes('restored /large') && items.includes('skipped /link'), items.join('\n'));
    assert.equal(summary.filesSkipped, 4);
  });

  it('keeps a file where a folder belongs, and says so', async (t) => {
    const { at, again } = await restoredOnce(t);
    rmSync(at('folder'), { recursive: true });
    writeFileSync(at('folder'), 'mine');
    const { failures } = await again({ overwrite: 'never' });
    assert.equal(failures.length, 1);
    assert.match(failures[0] ?? '', /^\/folder: something that is no directory stands where a directory belongs/u);
    assert.equal(readFileSync(at('folder'), 'utf8'), 'mine');
  });
});

describe('deleting what is not in the snapshot', { concurrency: 2 }, () => {
  function addUnexpected({ at }: Restored): void {
    mkdirSync(at('new/deep/er'), { recursive: true });
    writeFileSync(at('new/deep/file'), '');
    writeFileSync(at('folder/new'), '');
    rmSync(at('folder/way out'), { force: true });
    symlinkSync('/etc', at('folder/way out'));
  }

  it('removes files, folders and links, and counts each', async (t) => {
    const restored = await restoredOnce(t);
    addUnexpected(restored);
    const { items, summary } = await restored.again({ deletesUnexpected: true });
    assert.deepEqual(
      items.filter((item) => item.startsWith('deleted')),
      [
        'deleted /folder/new',
        'deleted /folder/way out',
        'deleted /new',
        'deleted /new/deep',
        'deleted /new/deep/er',
        'deleted /new/deep/file',
      ],
    );
    assert.equal(summary.filesDeleted, 6);
    assert.ok(existsSync('/etc/hostname') || existsSync('/etc/passwd'));
    assert.deepEqual(compareTrees(restored.setting.source, restored.setting.target), []);
  });

  it('does not happen unless asked for', async (t) => {
    const restored = await restoredOnce(t);
    addUnexpected(restored);
    const { summary } = await restored.again();
    assert.equal(summary.filesDeleted, 0);
    assert.ok(existsSync(restored.at('new/deep/er')));
  });

  it('keeps what is excluded, and what lies outside of the includes', async (t) => {
    const restored = await restoredOnce(t);
    addUnexpected(restored);
    await restored.again({ deletesUnexpected: true, selection: { excludes: ['/folder', 'deep'] } });
    assert.deepEqual(readdirSync(restored.at('folder')).toSorted(), ['inside', 'new', 'way out']);
    assert.ok(!existsSync(restored.at('new')));
    addUnexpected(restored);
    await restored.again({ deletesUnexpected: true, selection: { includes: ['/folder'] } });
    assert.deepEqual(readdirSync(restored.at('folder')), ['inside']);
    assert.ok(existsSync(restored.at('new/deep/file')));
  });

  it('only says what it would do in a dry run', async (t) => {
    const restored = await restoredOnce(t);
    addUnexpected(restored);
    writeFileSync(restored.at('small'), 'changed');
    rmSync(restored.at('large'));
    const { items } = await restored.again({ deletesUnexpected: true, isDryRun: true });
    assert.equal(items.filter((item) => item.startsWith('deleted')).length, 6);
    assert.ok(items.includes('updated /small') && items.includes('restored /large') && items.includes('skipped /empty'), items.join('\n'));
    assert.equal(readFileSync(restored.at('small'), 'utf8'), 'changed');
    assert.ok(existsSync(restored.at('new/deep/file')) && !existsSync(restored.at('large')));
  });

  it('refuses to empty the whole system', async (t) => {
    const { setting, tree } = await restoredOnce(t);
    for (const target of ['/', '/etc/..', '//']) {
      await assert.rejects(setting.restore(tree, { target, deletesUnexpected: true }), { code: 'usage', message: /whole system/u });
    }
  });
});
