/** What a backup makes of the entries of the file system. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TreeNode } from '../../src/format/node.ts';
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, S_IFCHR, S_IFIFO } from '../../src/posix/constants.ts';
import { checked } from '../../src/posix/errno.ts';
import { libc } from '../../src/posix/libc.ts';
import { cName } from '../../src/posix/names.ts';
import { makeDev } from '../../src/posix/statx.ts';
import { setAttribute } from '../../src/posix/xattrs.ts';
import { ArchiveSetting, countsOf, failuresOf, itemsOf } from '../support/archive-setting.ts';
import { oddNames } from '../support/odd-names.ts';
import { isRoot } from '../support/odd-tree.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';

function present<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}

/** An empty tree with so many folders in one another, and a file in the last; the path may be longer than the kernel takes. */
function deepFolders(top: string, depth: number, name: string): void {
  let fd = checked('open', top, libc().openAt(AT_FDCWD, cName(top), O_RDONLY | O_DIRECTORY, 0));
  for (let level = 0; level < depth; level++) {
    checked('mkdir', name, libc().mkdirAt(fd, cName(name), 0o755));
    const next = checked('open', name, libc().openAt(fd, cName(name), O_RDONLY | O_DIRECTORY, 0));
    libc().close(fd);
    fd = next;
  }
  writeFileSync(`/proc/self/fd/${fd}/bottom`, 'deep');
  libc().close(fd);
}

describe('a backup of entries of every kind', () => {
  it('keeps the content of files, empty ones too', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const contents = {
      empty: Buffer.alloc(0),
      small: Buffer.from('text'),
      chunked: pseudoRandomBytes(3 << 20, 1),
      zeros: Buffer.alloc(9 << 20),
    };
    for (const [name, content] of Object.entries(contents)) writeFileSync(join(setting.source, name), content);
    const run = await setting.run();
    const nodes = await setting.nodes(run.tree, 'source');
    for (const [name, content] of Object.entries(contents)) {
      const node = present(nodes.get(name));
      assert.equal(node.type, 'file');
      assert.equal(Number(node.size ?? 0), content.length);
      assert.deepEqual(await setting.content(node), content);
    }
    assert.deepEqual(present(nodes.get('empty')).content, []);
    assert.deepEqual(countsOf(run), { files: [4, 0, 0], dirs: [1, 0, 0] });
    assert.equal(run.summary.totalBytesProcessed, 4 + (3 << 20) + (9 << 20));
    assert.deepEqual(setting.snapshots, [run.tree]);
  });

  it('keeps links, FIFOs, devices and folders by what they are, and leaves out sockets', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const at = (name: string): string => join(setting.source, name);
    symlinkSync('not there', at('link'));
    symlinkSync(Buffer.from([0x2f, 0xff, 0xc3]), at('bytes link'));
    mkdirSync(at('folder'), { mode: 0o700 });
    checked('mknod', 'fifo', libc().mknodAt(AT_FDCWD, cName(at('fifo')), S_IFIFO | 0o640, 0));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
    t.after(() => server.close());
    if (isRoot) checked('mknod', 'device', libc().mknodAt(AT_FDCWD, cName(at('device')), S_IFCHR | 0o600, makeDev(1, 3)));
    const run = await setting.run();
    const nodes = await setting.nodes(run.tree, 'source');
    const kinds = Object.fromEntries([...nodes].map(([name, node]) => [name, node.type]));
    const device = isRoot ? { device: 'chardev' } : {};
    assert.deepEqual(kinds, { 'bytes link': 'symlink', ...device, fifo: 'fifo', folder: 'dir', link: 'symlink' });
    assert.equal(present(nodes.get('link')).linkTarget, 'not there');
    assert.deepEqual(Buffer.from(present(nodes.get('bytes link')).linkTargetRaw ?? []), Buffer.from([0x2f, 0xff, 0xc3]));
    if (isRoot) assert.equal(Number(present(nodes.get('device')).device), 0x103);
    assert.deepEqual(await setting.nodes(run.tree, 'source', 'folder'), new Map());
    assert.deepEqual(countsOf(run), { files: [0, 0, 0], dirs: [2, 0, 0] });
    assert.deepEqual(failuresOf(run), []);
  });

  it('keeps modes, owners, times, attributes and what shows that two names are one file', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const file = join(setting.source, 'file');
    writeFileSync(file, 'x');
    linkSync(file, join(setting.source, 'same'));
    setAttribute(cName(file), 'user.comment', Buffer.from('said'));
    chmodSync(file, 0o2741);
    utimesSync(file, 1_000_000_000, 1_234_567_890);
    const stat = lstatSync(file, { bigint: true });
    const { tree } = await setting.run();
    const nodes = await setting.nodes(tree, 'source');
    const node: TreeNode = present(nodes.get('file'));
    // Go keeps setgid at bit 22 of its own modes.
    assert.equal(node.mode, 0o741 | (1 << 22));
    assert.deepEqual([node.uid, node.gid], [Number(stat.uid), Number(stat.gid)]);
    assert.equal(Date.parse(node.mtime), 1_234_567_890_000);
    assert.equal(node.atime, node.mtime);
    assert.equal(BigInt(node.inode ?? 0), stat.ino);
    assert.equal(Number(node.links), 2);
    assert.equal(nodes.get('same')?.inode, node.inode);
    assert.deepEqual(
      node.extendedAttributes?.map(({ name, value }) => [name, Buffer.from(value ?? []).toString()]),
      [['user.comment', 'said']],
    );
    const withAtime = await setting.run({ withAtime: true });
    const other = (await setting.nodes(withAtime.tree, 'source')).get('file');
    assert.equal(Date.parse(present(other).atime), 1_000_000_000_000);
    assert.equal(statSync(file).atimeMs, 1_000_000_000_000, 'reading leaves the access time alone');
  });

  it('keeps names of any bytes, in the order of their bytes', async (t) => {
    const setting = await ArchiveSetting.create(t);
    for (const name of oddNames) writeFileSync(Buffer.concat([Buffer.from(`${setting.source}/`), name]), '');
    const { tree } = await setting.run();
    const names = [...(await setting.nodes(tree, 'source')).keys()];
    assert.deepEqual(names, oddNames.map((name) => name.toString('latin1')).sort());
  });

  it('goes deeper than it recurses, and than a path may be long', async (t) => {
    const setting = await ArchiveSetting.create(t);
    mkdirSync(join(setting.source, 'levels'));
    deepFolders(join(setting.source, 'levels'), 150, 'd');
    mkdirSync(join(setting.source, 'long'));
    deepFolders(join(setting.source, 'long'), 20, 'x'.repeat(250));
    t.after(() => execFileSync('rm', ['-rf', setting.source]));
    const run = await setting.run();
    assert.deepEqual(failuresOf(run), []);
    assert.deepEqual(countsOf(run), { files: [2, 0, 0], dirs: [173, 0, 0] });
    for (const path of [
      ['levels', ...new Array<string>(150).fill('d')],
      ['long', ...new Array<string>(20).fill('x'.repeat(250))],
    ]) {
      const bottom = (await setting.nodes(run.tree, 'source', ...path)).get('bottom');
      assert.deepEqual(await setting.content(present(bottom)), Buffer.from('deep'));
    }
    const unchanged = await setting.run({ parent: run });
    assert.equal(unchanged.tree, run.tree);
    assert.deepEqual(countsOf(unchanged), { files: [0, 0, 2], dirs: [0, 0, 173] });
  });

  it('reports each file with what it added, very large ones too', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const shared = pseudoRandomBytes(33 << 20, 5);
    writeFileSync(join(setting.source, 'large'), shared);
    writeFileSync(join(setting.source, 'small'), 'small');
    const first = await setting.run({ reportItems: true });
    const items = new Map(itemsOf(first).map((item) => [item.path, item]));
    const large = present(items.get(join(setting.source, 'large')));
    assert.deepEqual([large.action, large.sizeBytes, large.addedBytes], ['new', shared.length, shared.length]);
    assert.ok((large.addedPackedBytes ?? 0) > shared.length);
    const small = present(items.get(join(setting.source, 'small')));
    // 5 bytes, sealed with 32, and an entry of 37 in the header of the pack.
    assert.deepEqual([small.action, small.sizeBytes, small.addedBytes, small.addedPackedBytes], ['new', 5, 5, 5 + 32 + 37]);
    const second = await setting.run({ reportItems: true, parent: first });
    assert.deepEqual(
      itemsOf(second).map((item) => item.action),
      ['unchanged', 'unchanged'],
    );
  });
});

describe('the session of a backup', () => {
  it('leaves no descriptor open and no staged file', async (t) => {
    const setting = await ArchiveSetting.create(t);
    for (let index = 0; index < 300; index++) writeFileSync(join(setting.source, `${index}`), `${index}`);
    writeFileSync(join(setting.source, 'large'), '');
    truncateSync(join(setting.source, 'large'), 34 << 20);
    await setting.run();
    const before = readdirSync('/proc/self/fd').length;
    const run = await setting.run();
    await setting.run({ parent: run });
    assert.equal(readdirSync('/proc/self/fd').length, before);
    assert.deepEqual(setting.staged(), []);
  });
});
