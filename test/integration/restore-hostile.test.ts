/** Snapshots and targets that were made to do harm: nothing outside of the target is ever touched. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BlobId } from '../../src/base/ids.ts';
import type { TreeNode } from '../../src/format/node.ts';
import type { RestoreOptions } from '../../src/restorer/restore-options.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { MemoryBackend } from '../../src/storage/memory/memory-backend.ts';
import { directoryNode, fileNode, PlantedRepository } from '../support/planted-repository.ts';
import { PlantedTrees } from '../support/planted-restore.ts';
import { type RestoreOutcome, restoreInto } from '../support/restore-setting.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Scene {
  readonly folder: string;
  readonly target: string;
  /** A folder beside the target with one file in it. */
  readonly outside: string;
  readonly trees: PlantedTrees;
  restore(tree: BlobId, options?: Partial<RestoreOptions>): Promise<RestoreOutcome>;
  assertUntouched(): void;
}

function prepare(t: TestContext): Scene {
  const folder = temporaryFolder(t);
  const [target, outside] = [join(folder, 'target'), join(folder, 'outside')];
  for (const path of [target, outside]) mkdirSync(path);
  writeFileSync(join(outside, 'precious'), 'precious');
  const before = statSync(outside, { bigint: true });
  const trees = new PlantedTrees(new PlantedRepository(new MemoryBackend()));
  return {
    folder,
    target,
    outside,
    trees,
    restore: async (tree, options) => {
      await trees.store();
      return await restoreInto(await trees.repository(t), tree, target, options);
    },
    assertUntouched: () => {
      assert.deepEqual(readdirSync(folder).toSorted(), ['outside', 'target']);
      assert.deepEqual(readdirSync(outside), ['precious']);
      assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'precious');
      const after = statSync(outside, { bigint: true });
      assert.deepEqual([after.mode, after.uid, after.ctimeNs], [before.mode, before.uid, before.ctimeNs]);
    },
  };
}

function linkNode(name: string, linkTarget: string): TreeNode {
  return { ...fileNode(name, [], 0), type: 'symlink', mode: 0o777 + 2 ** 27, linkTarget, content: null };
}

/** A tree with one node of any name, as no honest program writes it. */
function treeWithName(name: string, content: BlobId): string {
  const node = { name, type: 'file', mode: 420, size: 4, content: [content] };
  return `${JSON.stringify({ nodes: [node] })}\n`;
}

describe('a name that leads out of its folder', () => {
  for (const name of [
    '..',
    '.',
    '',
    '../escaped',
    '/tmp/holdfast-escaped',
    'a/../../escaped',
    'inside/file',
    'nul\\x00',
    '..\\x2fescaped',
  ]) {
    it(`is refused: ${JSON.stringify(name)}`, async (t) => {
      const { trees, target, restore, assertUntouched } = prepare(t);
      const bad = trees.rawTree(treeWithName(name, trees.data('evil')));
      const root = trees.tree([trees.file('a good file', 'good'), directoryNode('bad', bad)]);
      const { failures } = await restore(root);
      assert.equal(failures.length, 1);
      assert.match(failures[0] ?? '', /^\/bad: nothing below it was restored, because its tree cannot be read/u);
      assert.equal(readFileSync(join(target, 'a good file'), 'utf8'), 'good');
      assert.deepEqual(readdirSync(join(target, 'bad')), []);
      assert.ok(!existsSync('/tmp/holdfast-escaped'));
      assertUntouched();
    });
  }
});

describe('a link of the snapshot', () => {
  const orders: Readonly<Record<string, (link: TreeNode, folder: TreeNode) => TreeNode[]>> = {
    before: (link, folder) => [link, folder],
    behind: (link, folder) => [folder, link],
  };
  for (const [order, arrange] of Object.entries(orders)) {
    it(`is not followed by a folder of the same name ${order} it`, async (t) => {
      const { trees, restore, assertUntouched } = prepare(t);
      const folder = directoryNode('a', trees.folder({ 'written outside': 'evil', precious: 'evil' }));
      const { failures } = await restore(trees.tree(arrange(linkNode('a', '../outside'), folder)));
      assert.equal(failures.length, 1);
      assert.match(failures[0] ?? '', /lists a name twice/u);
      assertUntouched();
    });

    it(`is not written through by a file of the same name ${order} it`, async (t) => {
      const { trees, restore, assertUntouched } = prepare(t);
      const file = trees.file('a', 'evil');
      const { failures } = await restore(trees.tree(arrange(linkNode('a', '../outside/precious'), file)));
      assert.equal(failures.length, 1);
      assertUntouched();
    });
  }

  it('gets its owner and times itself, not what it leads to', async (t) => {
    const { trees, target, restore, assertUntouched } = prepare(t);
    const { failures } = await restore(trees.tree([linkNode('a', '../outside'), linkNode('b', '../outside/precious')]));
    assert.deepEqual(failures, []);
    assert.equal(lstatSync(join(target, 'a')).mtime.toISOString(), '2026-11-21T10:00:00.000Z');
    assertUntouched();
  });
});

describe('a link in the target', () => {
  it('is replaced where a folder belongs, and what it leads to stays untouched', async (t) => {
    const { trees, target, restore, assertUntouched } = prepare(t);
    symlinkSync('../outside', join(target, 'a'));
    const { failures } = await restore(trees.folder({ a: { precious: 'from the snapshot', 'new': 'x' } }));
    assert.deepEqual(failures, []);
    assert.ok(lstatSync(join(target, 'a')).isDirectory());
    assert.equal(readFileSync(join(target, 'a/precious'), 'utf8'), 'from the snapshot');
    assertUntouched();
  });

  it('is replaced where a file belongs, also when it leads nowhere or to the same content', async (t) => {
    const { trees, target, restore, assertUntouched } = prepare(t);
    symlinkSync('../outside/precious', join(target, 'a'));
    symlinkSync('../outside/new', join(target, 'b'));
    symlinkSync('../outside/precious', join(target, 'c'));
    const { failures } = await restore(trees.folder({ a: 'evil', b: 'evil', c: 'precious' }), { overwrite: 'if-changed' });
    assert.deepEqual(failures, []);
    assert.ok(['a', 'b', 'c'].every((name) => lstatSync(join(target, name)).isFile()));
    assertUntouched();
  });

  it('is kept, and nothing goes through it, when nothing may be overwritten', async (t) => {
    const { trees, target, restore, assertUntouched } = prepare(t);
    symlinkSync('../outside', join(target, 'a'));
    symlinkSync('../outside/precious', join(target, 'b'));
    const { failures } = await restore(trees.folder({ a: { precious: 'evil', 'new': 'evil' }, b: 'evil' }), { overwrite: 'never' });
    assert.equal(failures.length, 1);
    assert.ok(lstatSync(join(target, 'a')).isSymbolicLink() && lstatSync(join(target, 'b')).isSymbolicLink());
    assertUntouched();
  });

  it('is removed as a link by --delete', async (t) => {
    const { trees, target, restore, assertUntouched } = prepare(t);
    mkdirSync(join(target, 'old/er'), { recursive: true });
    for (const name of ['out', 'old/out', 'old/er/out']) symlinkSync(join('..', '..', '..', 'outside'), join(target, name));
    const { summary } = await restore(trees.folder({ a: 'x' }), { deletesUnexpected: true });
    assert.equal(summary.filesDeleted, 5);
    assertUntouched();
  });

  it('that takes the place of a folder while the restore runs is not followed', async (t) => {
    const { trees, target, outside, restore } = prepare(t);
    const files = Object.fromEntries(Array.from({ length: 400 }, (_, number) => [`file ${number}`, `content ${number}`]));
    let isSwapped = false;
    const swap = (): void => {
      if (isSwapped || !existsSync(join(target, 'a'))) return;
      isSwapped = true;
      renameSync(join(target, 'a'), join(target, 'moved away'));
      symlinkSync('../outside', join(target, 'a'));
    };
    await restore(trees.folder({ a: { ...files, b: files, c: { d: files } } }), { reportItems: true, events: swap });
    assert.ok(isSwapped);
    assert.deepEqual(readdirSync(outside), ['precious']);
  });
});

describe('a snapshot that contradicts itself', () => {
  it('gives the content and a warning when a size is a lie', async (t) => {
    const { trees, target, restore } = prepare(t);
    const lie = fileNode('lie', [trees.data('12345')], 2 ** 50);
    const { failures, warnings, summary } = await restore(trees.tree([lie]));
    assert.deepEqual(failures, []);
    assert.match(warnings.join(), /\/lie: the snapshot gives it 1125899906842624 bytes, but its content has 5/u);
    assert.equal(readFileSync(join(target, 'lie'), 'utf8'), '12345');
    assert.equal(summary.totalBytes, 5);
  });

  it('has its impossible entries named, and the others restored', async (t) => {
    const { trees, target, restore } = prepare(t);
    const lost = 'ab'.repeat(32) as BlobId;
    const { failures } = await restore(
      trees.tree([
        trees.file('a good file', 'good'),
        { ...fileNode('attribute', [], 0), extendedAttributes: [{ name: 'user.nul\0', value: Buffer.from('x') }] },
        { ...directoryNode('folder without tree', lost), subtree: undefined } as unknown as TreeNode,
        directoryNode('folder with lost tree', lost),
        { ...fileNode('irregular', [], 0), type: 'irregular' },
        fileNode('lost content', [lost], 5),
        { ...linkNode('link to nothing', ''), linkTarget: '' },
      ]),
    );
    assert.deepEqual(failures.map((line) => line.slice(0, line.indexOf(':'))).toSorted(), [
      '/attribute',
      '/folder with lost tree',
      '/folder without tree',
      '/irregular',
      '/link to nothing',
      '/lost content',
    ]);
    assert.equal(readFileSync(join(target, 'a good file'), 'utf8'), 'good');
    assert.ok(!existsSync(join(target, 'lost content')));
  });

  it('is named when its own tree is missing', async (t) => {
    const { trees, restore } = prepare(t);
    trees.folder({ a: 'x' });
    await assert.rejects(restore('cd'.repeat(32) as BlobId), { code: 'damaged' });
  });
});

describe('a snapshot of odd proportions', () => {
  it('is restored 3,000 folders deep, verified and deleted again', async (t) => {
    const folder = temporaryFolder(t);
    const trees = new PlantedTrees(new PlantedRepository(new MemoryBackend()));
    let tree = trees.folder({ bottom: 'reached' });
    for (let depth = 0; depth < 3000; depth++) tree = trees.tree([directoryNode('down', tree)]);
    const empty = trees.folder({});
    await trees.store();
    const repository = await trees.repository(t);
    const { failures, summary } = await restoreInto(repository, tree, join(folder, 'target'), { verifies: true });
    assert.deepEqual(failures, []);
    assert.deepEqual([summary.filesRestored, summary.filesVerified], [3001, 1]);
    const { summary: again } = await restoreInto(repository, tree, join(folder, 'target'));
    assert.equal(again.filesSkipped, 1);
    const { summary: deletion } = await restoreInto(repository, empty, join(folder, 'target'), { deletesUnexpected: true });
    assert.equal(deletion.filesDeleted, 3001);
    assert.deepEqual(readdirSync(join(folder, 'target')), []);
  });

  it('is restored with one blob in a thousand files', async (t) => {
    const folder = temporaryFolder(t);
    const backend = new LocalBackend({ path: join(folder, 'repository') });
    await backend.create();
    const trees = new PlantedTrees(new PlantedRepository(backend));
    const id = trees.data('shared content');
    const root = trees.tree(Array.from({ length: 1000 }, (_, number) => fileNode(`${number}`.padStart(4, '0'), [id, id], 28)));
    await trees.store();
    const { failures } = await restoreInto(await trees.repository(t), root, join(folder, 'target'));
    assert.deepEqual(failures, []);
    const contents = readdirSync(join(folder, 'target')).map((name) => readFileSync(join(folder, 'target', name), 'utf8'));
    assert.deepEqual(new Set(contents), new Set(['shared contentshared content']));
    assert.equal(contents.length, 1000);
    await backend.close();
  });
});
