import assert from 'node:assert/strict';
import { chmodSync, closeSync, ftruncateSync, linkSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cName } from '../../src/posix/names.ts';
import { setAttribute } from '../../src/posix/xattrs.ts';
import { compareTrees } from './compare-trees.ts';
import { setTimes } from './set-times.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Two equal folders, of which the second is then changed. */
const changes: Readonly<Record<string, { change: (folder: string) => void; line: RegExp }>> = {
  'one byte': { change: (folder) => writeFileSync(join(folder, 'file'), 'contenT'), line: /^file: content differs/u },
  'the length': { change: (folder) => writeFileSync(join(folder, 'file'), 'content!'), line: /^file: size 7, not 8$/u },
  'the type': {
    change: (folder) => {
      mkdirSync(join(folder, 'new'));
    },
    line: /^new: only in the second$/u,
  },
  'the mode': { change: (folder) => chmodSync(join(folder, 'sub/in'), 0o4711), line: /^sub\/in: mode 100644, not 104711$/u },
  'a nanosecond': { change: (folder) => setTimes(join(folder, 'sub/in'), 1n, 1_000_000_001n), line: /^sub\/in: mtime 1\.000000000, not/u },
  'an attribute': {
    change: (folder) => setAttribute(cName(join(folder, 'sub')), 'user.a', Buffer.from('b')),
    line: /^sub: attributes \[\], not \[user\.a=62\]$/u,
  },
  'a further name': { change: (folder) => linkSync(join(folder, 'twin'), join(folder, 'new')), line: /number of names 2, not 3/u },
  'a filled hole': { change: (folder) => writeFileSync(join(folder, 'hole'), Buffer.alloc(1 << 20)), line: /^hole: blocks 0, not \d+$/u },
};

function build(folder: string): string {
  mkdirSync(join(folder, 'sub'), { recursive: true });
  for (const name of ['file', 'sub/in', 'twin']) writeFileSync(join(folder, name), 'content');
  linkSync(join(folder, 'twin'), join(folder, 'sub/twin'));
  symlinkSync('target', join(folder, 'link'));
  const fd = openSync(join(folder, 'hole'), 'w');
  ftruncateSync(fd, 1 << 20);
  closeSync(fd);
  for (const name of ['hole', 'link', 'twin', 'file', 'sub/in', 'sub']) setTimes(join(folder, name), 1n, 1_000_000_000n);
  return folder;
}

describe('compareTrees', () => {
  it('finds no difference between a tree and its copy', (t) => {
    const folder = temporaryFolder(t);
    assert.deepEqual(compareTrees(build(join(folder, 'a')), build(join(folder, 'b'))), []);
  });

  for (const [what, { change, line }] of Object.entries(changes)) {
    it(`finds ${what}`, (t) => {
      const folder = temporaryFolder(t);
      const [a, b] = [build(join(folder, 'a')), build(join(folder, 'b'))];
      change(b);
      const found = compareTrees(a, b);
      assert.ok(
        found.some((difference) => line.test(difference)),
        found.join('\n'),
      );
    });
  }

  it('finds two files that should be one', (t) => {
    const folder = temporaryFolder(t);
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    for (const path of [a, b]) mkdirSync(path);
    for (const name of ['1', '3']) writeFileSync(join(a, name), '');
    linkSync(join(a, '1'), join(a, '2'));
    linkSync(join(a, '3'), join(a, '4'));
    for (const name of ['1', '3']) writeFileSync(join(b, name), '');
    linkSync(join(b, '1'), join(b, '4'));
    linkSync(join(b, '3'), join(b, '2'));
    assert.ok(compareTrees(a, b, { except: ['mtime'] }).length > 0);
  });

  it('passes over what it is told to', (t) => {
    const folder = temporaryFolder(t);
    const [a, b] = [build(join(folder, 'a')), build(join(folder, 'b'))];
    chmodSync(join(b, 'file'), 0o600);
    assert.deepEqual(compareTrees(a, b, { except: ['mode'] }), []);
  });
});
