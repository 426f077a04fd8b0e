import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { buildTargetTree, missingTargets, type TargetTree } from './targets.ts';

/** The file system as far as it is read: names in directories, by path. */
const directories: Readonly<Record<string, readonly string[]>> = {
  '/': ['usr', 'etc'],
  '.': ['b', 'a'],
  '..': ['here', 'there'],
  '/home': ['bob', 'amy'],
  '/home/bob': ['work', 'play'],
  a: ['x', 'y'],
};

function build(...paths: string[]): TargetTree {
  const reader = (path: Buffer) =>
    (directories[path.toString()] ?? assert.fail(`${path.toString()} was read`)).map((name) => Buffer.from(name));
  return buildTargetTree(
    paths.map((path) => Buffer.from(path, 'latin1')),
    reader,
  );
}

/** 'name = path' for leaves, with '!' when explicit; 'name < directory of its metadata' for what is put together. */
function show(tree: TargetTree, prefix = ''): string[] {
  return [...tree.children].flatMap(([name, child]) => {
    const leaf =
      child.path === undefined
        ? ` < ${child.metadataPath?.toString('latin1')}`
        : ` = ${child.path.toString('latin1')}${child.isExplicit ? '!' : ''}`;
    return [`${prefix}${name}${leaf}`, ...show(child, `${prefix}${name}/`)];
  });
}

describe('targets', () => {
  it('that are absolute keep their directories', () => {
    assert.deepEqual(show(build('/home/bob/work')), ['home < /home', 'home/bob < /home/bob', 'home/bob/work = /home/bob/work!']);
  });

  it('that are relative keep what was named', () => {
    assert.deepEqual(show(build('a/x', './b/')), ['a < a', 'a/x = a/x!', 'b = b!']);
  });

  it('lose the way up', () => {
    assert.deepEqual(show(build('../a/x')), ['a < ../a', 'a/x = ../a/x!']);
    assert.deepEqual(show(build('../../q')), ['q = ../../q!']);
  });

  it('without a name are replaced by what is in them, in order and not explicitly', () => {
    assert.deepEqual(show(build('.')), ['a = a', 'b = b']);
    assert.deepEqual(show(build('/')), ['etc = /etc', 'usr = /usr']);
    assert.deepEqual(show(build('..')), ['here = ../here', 'there = ../there']);
    assert.deepEqual(show(build('a/..')), ['a = a', 'b = b']);
  });

  it('count once, as they were given first', () => {
    assert.deepEqual(show(build('a', './a/', 'b/../a')), ['a = a!']);
    assert.deepEqual(show(build('.', 'a')), ['a = a', 'b = b']);
    assert.deepEqual(show(build('a', '.')), ['a = a!', 'b = b']);
  });

  it('of one name get numbers', () => {
    assert.deepEqual(show(build('a', '../a', '/a', '../../a/x')), [
      'a = a!',
      'a-1 = ../a!',
      'a-2 = /a!',
      'a-3 < ../../a',
      'a-3/x = ../../a/x!',
    ]);
  });

  it('do not lose a place to one whose own name looks numbered', () => {
    assert.deepEqual(show(build('../a', 'a', 'a-1')), ['a = ../a!', 'a-1 = a!', 'a-1-1 = a-1!']);
    assert.deepEqual(show(build('../a', 'a/x', 'a-1/y', 'a/y')), [
      'a = ../a!',
      'a-1 < a',
      'a-1/x = a/x!',
      'a-1/y = a/y!',
      'a-1-1 < a-1',
      'a-1-1/y = a-1/y!',
    ]);
  });

  it('in one directory share it', () => {
    assert.deepEqual(show(build('/home/bob', '/home/amy')), ['home < /home', 'home/bob = /home/bob!', 'home/amy = /home/amy!']);
  });

  it('within another target are explicit there, and so are the other entries not', () => {
    const expected = ['home < /home', 'home/bob < /home/bob', 'home/bob/play = /home/bob/play', 'home/bob/work = /home/bob/work!'];
    assert.deepEqual(show(build('/home/bob', '/home/bob/work')).sort(), expected);
    assert.deepEqual(show(build('/home/bob/work', '/home/bob')).sort(), expected);
  });

  it('deep within another target leave the rest of the way as it is', () => {
    assert.deepEqual(show(build('/home', '/home/bob/work')).sort(), [
      'home < /home',
      'home/amy = /home/amy',
      'home/bob < /home/bob',
      'home/bob/play = /home/bob/play',
      'home/bob/work = /home/bob/work!',
    ]);
  });

  it('may have names that are no UTF-8', () => {
    assert.deepEqual(show(build('/\xff\xe9/x')), ['\xff\xe9 < /\xff\xe9', '\xff\xe9/x = /\xff\xe9/x!']);
  });

  it('are not empty', () => {
    assert.throws(() => build('a', ''), { code: 'usage', message: 'a path to back up is empty' });
  });
});

describe('missing targets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-targets-'));
  after(() => rmSync(folder, { recursive: true }));

  it('are those that lstat does not find', async () => {
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'directory'));
    symlinkSync('nowhere', join(folder, 'link'));
    const paths = ['file', 'absent', 'directory', 'link', 'file/below', 'n\0ul', '\xff'].map((name) =>
      Buffer.from(`${folder}/${name}`, 'latin1'),
    );
    assert.deepEqual(await missingTargets(paths), [paths[1], paths[4], paths[5], paths[6]]);
    assert.deepEqual(await missingTargets([]), []);
  });

  it('are not in a tree read from the real file system', () => {
    const tree = buildTargetTree([Buffer.from(folder), Buffer.from(`${folder}/directory`)]);
    assert.equal(show(tree).filter((line) => line.includes(' = ')).length, 3);
  });
});
