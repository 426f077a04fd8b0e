import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { S_IFIFO } from './constants.ts';
import { minusErrno } from './errno.ts';
import { libc } from './libc.ts';
import { cName } from './names.ts';
import { readHead } from './read-head.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-head-'));
const folderFd = openSync(folder, 'r');
after(() => {
  closeSync(folderFd);
  rmSync(folder, { recursive: true });
});
const c = libc();
const head = (name: string, length: number) => readHead(c, folderFd, cName(name), length);

it('reads as many bytes as there are, through a link too', () => {
  writeFileSync(join(folder, 'file'), 'Signature');
  symlinkSync('file', join(folder, 'link'));
  assert.deepEqual(head('file', 4), Buffer.from('Sign'));
  assert.deepEqual(head('file', 100), Buffer.from('Signature'));
  assert.deepEqual(head('link', 4), Buffer.from('Sign'));
});

it('asks only whether there is something when no byte is wanted', () => {
  symlinkSync('nowhere', join(folder, 'dangling'));
  assert.deepEqual(head('dangling', 0), Buffer.alloc(0));
  assert.equal(head('absent', 0), minusErrno('ENOENT'));
});

it('does not wait for a fifo, and reads neither it nor a directory', { timeout: 10_000 }, () => {
  mkdirSync(join(folder, 'directory'));
  assert.equal(c.mknodAt(folderFd, cName('fifo'), S_IFIFO | 0o600, 0), 0);
  assert.equal(head('fifo', 1), minusErrno('EINVAL'));
  assert.equal(head('directory', 1), minusErrno('EINVAL'));
  assert.equal(head('dangling', 1), minusErrno('ENOENT'));
});
