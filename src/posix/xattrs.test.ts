import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { HoldfastError } from '../base/errors.ts';
import { cName } from './names.ts';
import { listAttributes, pathThrough, removeAttribute, setAttribute } from './xattrs.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-xattrs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const isSupported = supportsAttributes();
const isRoot = process.getuid?.() === 0;

describe('extended attributes', { skip: isSupported ? false : `${folder} has none` }, () => {
  it('are written, listed and removed by path, by descriptor and through a directory', () => {
    const path = newFile('three-ways');
    const fd = openSync(path, 'r');
    const directory = openSync(folder, 'r');
    const targets = [cName(path), fd, pathThrough(directory, cName('three-ways'))];
    for (const target of targets) {
      setAttribute(target, 'user.comment', Buffer.from([0, 1, 255]));
      setAttribute(target, 'user.empty', new Uint8Array(0));
      for (const other of targets) {
        const attributes = new Map(listAttributes(other).map(({ name, value }) => [name, value]));
        assert.deepEqual([...attributes.keys()].sort(), ['user.comment', 'user.empty']);
        assert.deepEqual(attributes.get('user.comment'), Buffer.from([0, 1, 255]));
        assert.deepEqual(attributes.get('user.empty'), Buffer.alloc(0));
      }
      removeAttribute(target, 'user.comment');
      removeAttribute(target, 'user.empty');
      assert.deepEqual(listAttributes(fd), []);
    }
    closeSync(fd);
    closeSync(directory);
  });

  it('may have many names', () => {
    const path = cName(newFile('many'));
    const names = Array.from({ length: 60 }, (_, index) => `user.${String(index).padStart(45, 'n')}`);
    for (const name of names) setAttribute(path, name, Buffer.from('v'));
    assert.deepEqual(
      listAttributes(path)
        .map(({ name }) => name)
        .sort(),
      names.sort(),
    );
  });

  it('do not mind being removed twice', () => {
    const path = cName(newFile('twice'));
    removeAttribute(path, 'user.absent');
    assert.deepEqual(listAttributes(path), []);
  });

  it('fail with the name of the error', () => {
    assert.throws(() => listAttributes(cName(join(folder, 'absent'))), { name: 'HoldfastError', code: 'storage-missing' });
    assert.throws(() => setAttribute(cName(newFile('bad')), 'nonsense', Buffer.alloc(1)), { name: 'HoldfastError' });
  });

  it('of a link are its own, not those of its target', { skip: isRoot ? false : 'needs root' }, () => {
    const target = newFile('target');
    setAttribute(cName(target), 'user.of-target', Buffer.from('t'));
    const link = join(folder, 'link');
    symlinkSync(target, link);
    assert.deepEqual(listAttributes(cName(link)), []);
    setAttribute(cName(link), 'trusted.of-link', Buffer.from('l'));
    assert.deepEqual(listAttributes(cName(link)), [{ name: 'trusted.of-link', value: Buffer.from('l') }]);
  });
});

it('are none where the file system has none', () => {
  assert.deepEqual(listAttributes(cName('/proc/self/status')), []);
});

function newFile(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  return path;
}

function supportsAttributes(): boolean {
  try {
    setAttribute(cName(newFile('probe')), 'user.probe', Buffer.from('x'));
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.context['errno'] === 'ENOTSUP') return false;
    throw error;
  }
}
