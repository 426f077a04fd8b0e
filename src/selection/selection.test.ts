import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { childPath, type PathText, pathBytes, pathText } from '../patterns/path-text.ts';
import { libc } from '../posix/libc.ts';
import { cName } from '../posix/names.ts';
import { minusErrno } from '../posix/errno.ts';
import { readHead } from '../posix/read-head.ts';
import { targetDevices } from './devices.ts';
import { parseDirectoryTag } from './directory-tags.ts';
import type { DirectoryProbe } from './entry.ts';
import { type FileSelection, Selector, type SelectorContext, selectEverything } from './selection.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-selection-'));
after(() => rmSync(folder, { recursive: true }));
const signature = 'Signature: 8a477f597d28d172789f06886806bc55';

describe('a selection', () => {
  it('of everything takes everything', () => {
    const tree = plant('everything', { 'a/b': '', 'a/CACHEDIR.TAG': signature });
    assert.deepEqual(select(tree, {}), ['a', 'a/CACHEDIR.TAG', 'a/b']);
  });

  it('leaves out what patterns match, of lists and of files', () => {
    const tree = plant('patterns', { 'x.go': '', 'x.c': '', 'X.O': '', 'deep/node_modules/y': '', 'keep/z~': '', 'grüße/q': '' });
    const selection = {
      excludes: ['*.go'],
      iexcludes: ['*.o'],
      excludeFileLines: ['node_modules', '*~'],
      iexcludeFileLines: ['GRÜSSE', 'GRÜßE'],
    };
    assert.deepEqual(select(tree, selection), ['deep', 'keep', 'x.c']);
  });

  it('lets lines of exclude files take back what options exclude, and not the other way round', () => {
    const tree = plant('negation', { a: '', b: '' });
    assert.deepEqual(select(tree, { excludes: ['a', 'b'], excludeFileLines: ['!a'] }), ['a']);
    assert.deepEqual(select(tree, { excludes: ['!a'], excludeFileLines: ['a', 'b'] }), []);
  });

  it('keeps of a cache directory the tag only', () => {
    const tree = plant('caches', {
      'cache/CACHEDIR.TAG': `${signature}\nmore`,
      'cache/data': '',
      'cache/sub/data': '',
      'other/CACHEDIR.TAG': 'Signature: something else, as long as a true one',
      'other/data': '',
      'short/CACHEDIR.TAG': 'Sig',
      'short/data': '',
    });
    const warnings: string[] = [];
    const taken = select(tree, { excludeCaches: true }, { onWarning: (message) => warnings.push(message) });
    assert.deepEqual(taken, [
      'cache',
      'cache/CACHEDIR.TAG',
      'other',
      'other/CACHEDIR.TAG',
      'other/data',
      'short',
      'short/CACHEDIR.TAG',
      'short/data',
    ]);
    assert.deepEqual(warnings.sort(), [
      `the tag file ${tree}/other/CACHEDIR.TAG does not begin with "${signature}", so its directory is not excluded`,
      `the tag file ${tree}/short/CACHEDIR.TAG does not begin with "${signature}", so its directory is not excluded`,
    ]);
  });

  it('keeps of a marked directory the mark only, whatever it is', () => {
    const tree = plant('marked', { 'a/.nobackup': '', 'a/x': '', 'b/.nobackup/inside': '', 'b/x': '', 'c/x': '' });
    symlinkSync('nowhere', join(tree, 'c/.nobackup'));
    const selection = { excludeIfPresent: [parseDirectoryTag('.nobackup')] };
    assert.deepEqual(select(tree, selection), ['a', 'a/.nobackup', 'b', 'b/.nobackup', 'b/.nobackup/inside', 'c', 'c/.nobackup']);
  });

  it('looks into the mark when a header is wanted', () => {
    const tree = plant('headers', { 'a/mark': 'yes: really', 'a/x': '', 'b/mark': 'no', 'b/x': '' });
    assert.deepEqual(select(tree, { excludeIfPresent: [parseDirectoryTag('mark:yes:')] }), ['a', 'a/mark', 'b', 'b/mark', 'b/x']);
  });

  it('drops each of two marks for the sake of the other', () => {
    const tree = plant('both', { 'a/mark': '', 'a/CACHEDIR.TAG': signature, 'a/x': '' });
    assert.deepEqual(select(tree, { excludeCaches: true, excludeIfPresent: [{ name: 'mark' }] }), ['a']);
  });

  it('does not take a tag that cannot be read for one', { timeout: 10_000 }, () => {
    const tree = plant('unreadable', { 'a/CACHEDIR.TAG/x': '', 'a/y': '', 'b/z': '' });
    execFileSync('mkfifo', [join(tree, 'b/CACHEDIR.TAG')]);
    const warnings: string[] = [];
    assert.equal(select(tree, { excludeCaches: true }, { onWarning: (message) => warnings.push(message) }).length, 7);
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /cannot be read/);
  });

  it('leaves out larger files, and takes those of just the size', () => {
    const tree = plant('sizes', { less: 'x'.repeat(9), exact: 'x'.repeat(10), more: 'x'.repeat(11), 'directory/f': '' });
    assert.deepEqual(select(tree, { excludeLargerThanBytes: 10 }), ['directory', 'directory/f', 'exact', 'less']);
    assert.deepEqual(select(tree, { excludeLargerThanBytes: 0 }), ['directory', 'directory/f']);
  });

  it('survives being handed to another thread', () => {
    const selection: FileSelection = {
      ...selectEverything,
      excludes: ['a'],
      excludeIfPresent: [{ name: 'm', header: 'h' }],
      excludeLargerThanBytes: 5,
    };
    assert.deepEqual(structuredClone(selection), selection);
    assert.equal(new Selector(structuredClone(selection)).selectByName(pathText('/x/a/y')), false);
  });

  it('with a malformed pattern is refused', () => {
    assert.throws(() => new Selector({ ...selectEverything, iexcludeFileLines: ['[x'] }), {
      code: 'usage',
      message: 'malformed pattern: [x',
    });
  });
});

describe('one file system', () => {
  const home = '/srv/data';
  const allowed = new Map([
    [home, '100'],
    ['/srv/data/mnt/more', '200'],
  ]);
  const selector = new Selector({ ...selectEverything, oneFileSystem: true }, { allowedDevices: allowed });
  const isTaken = (path: string, isDirectory: boolean, deviceId: number | bigint, parentDeviceId: number | bigint) =>
    selector.selectEntry(
      pathText(path),
      { isDirectory, sizeBytes: 1, deviceId },
      { readHead: () => undefined, deviceId: () => parentDeviceId },
    );

  it('takes what is on the device of the target', () => {
    assert.equal(isTaken('/srv/data/file', false, 100, 100), true);
    assert.equal(isTaken('/srv/data/a/b/c', true, 100n, 100n), true);
  });

  it('takes a mount point, empty', () => {
    assert.equal(isTaken('/srv/data/mnt', true, 300, 100), true);
    assert.equal(isTaken('/srv/data/mnt/file', false, 300, 300), false);
    assert.equal(isTaken('/srv/data/mnt/sub', true, 300, 300), false);
  });

  it('leaves out a file that is mounted over another', () => {
    assert.equal(isTaken('/srv/data/bound', false, 300, 100), false);
  });

  it('goes by the nearest target above', () => {
    assert.equal(isTaken('/srv/data/mnt/more/file', false, 200, 200), true);
    assert.equal(isTaken('/srv/data/mnt/more/file', false, 100, 200), false);
    assert.equal(isTaken('/srv/data/mnt/more/back', true, 100, 200), true);
  });

  it('takes nothing outside of all targets', () => {
    assert.equal(isTaken('/etc/passwd', false, 100, 100), false);
  });

  it('knows the devices of its targets, relative ones too', async () => {
    const tree = plant('devices', { 'a/b': '' });
    const device = String(lstatSync(tree, { bigint: true }).dev);
    const devices = await targetDevices([Buffer.from('a/../a/b'), Buffer.from('.'), Buffer.from('/proc')], tree);
    assert.deepEqual([...devices.keys()], [join(tree, 'a/b'), tree, '/proc']);
    assert.deepEqual([...devices.values()], [device, device, String(lstatSync('/proc', { bigint: true }).dev)]);
  });
});

describe('the argument of --exclude-if-present', () => {
  it('is a name, perhaps with a header', () => {
    assert.deepEqual(parseDirectoryTag('.nobackup'), { name: '.nobackup' });
    assert.deepEqual(parseDirectoryTag('a:b:c'), { name: 'a', header: 'b:c' });
    assert.deepEqual(parseDirectoryTag('a:'), { name: 'a', header: '' });
  });

  it('has a name', () => {
    for (const text of ['', ':', ':header']) assert.throws(() => parseDirectoryTag(text), { code: 'usage' });
  });
});

/** Paths of files and their content below a new directory. */
function plant(name: string, files: Readonly<Record<string, string>>): string {
  const tree = join(folder, name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  return tree;
}

/** Walks as an archiver does and returns what was taken, relative to the tree. */
function select(tree: string, selection: Partial<FileSelection>, context: SelectorContext = {}): string[] {
  const selector = new Selector({ ...selectEverything, ...selection }, context);
  const taken: string[] = [];
  const visit = (directory: PathText): void => {
    const fd = openSync(pathBytes(directory), 'r');
    const probe: DirectoryProbe = {
      readHead: (name, length) => {
        const head = readHead(libc(), fd, cName(pathBytes(name)), length);
        return head === minusErrno('ENOENT') ? undefined : head;
      },
      deviceId: () => lstatSync(pathBytes(directory), { bigint: true }).dev,
    };
    for (const name of readdirSync(pathBytes(directory), { encoding: 'buffer' })) {
      const path = childPath(directory, pathText(name));
      const status = lstatSync(pathBytes(path));
      const entry = { isDirectory: status.isDirectory(), sizeBytes: status.size, deviceId: status.dev };
      if (!selector.selectByName(path) || !selector.selectEntry(path, entry, probe)) continue;
      taken.push(
        pathBytes(path)
          .toString()
          .slice(tree.length + 1),
      );
      if (entry.isDirectory) visit(path);
    }
    closeSync(fd);
  };
  visit(pathText(tree));
  return taken.sort();
}
