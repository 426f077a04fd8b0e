import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { DT_DIR, DT_LNK, DT_REG } from './constants.ts';
import { entriesBufferSizeBytes, listEntries, parseEntries, visitEntries } from './directory-entries.ts';
import { minusErrno } from './errno.ts';
import { libc } from './libc.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-entries-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const c = libc();

it('gives every name and type once, without the directory itself and its parent', () => {
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, '...'), '');
  writeFileSync(join(folder, '.hidden'), '');
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]), '');
  symlinkSync('x', join(folder, 'link'));
  const entries = read(folder).map((entry) => [entry.name.toString('latin1'), entry.type] as const);
  const byName = new Map(entries);
  assert.equal(entries.length, 5);
  assert.deepEqual(Object.fromEntries(byName), { sub: DT_DIR, '...': DT_REG, '.hidden': DT_REG, '\xff\xfe': DT_REG, link: DT_LNK });
});

it('reads a directory that needs many calls, in a buffer as small as one name', () => {
  const many = join(folder, 'many');
  mkdirSync(many);
  for (let index = 0; index < 3000; index += 1) writeFileSync(join(many, `${index}-${'n'.repeat(index % 200)}`), '');
  const expected = readdirSync(many).sort();
  for (const size of [300, 4096, entriesBufferSizeBytes]) {
    const names: string[] = [];
    const fd = openSync(many, 'r');
    const result = visitEntries(c, fd, new Uint8Array(size), (bytes, start, end) => {
      names.push(Buffer.from(bytes.subarray(start, end)).toString());
      assert.equal(bytes[end], 0);
    });
    closeSync(fd);
    assert.equal(result, 0);
    assert.deepEqual(names.sort(), expected);
  }
});

it('returns the error of what is no directory', () => {
  const fd = openSync('/etc/passwd', 'r');
  assert.equal(
    visitEntries(c, fd, new Uint8Array(1024), () => assert.fail('no entry')),
    minusErrno('ENOTDIR'),
  );
  assert.throws(() => listEntries(c, fd), { name: 'HoldfastError', context: { errno: 'ENOTDIR', path: `descriptor ${fd}` } });
  closeSync(fd);
});

it('does not loop over records of no length', () => {
  parseEntries(new Uint8Array(64), 64, () => assert.fail('no entry'));
});

function read(path: string): ReturnType<typeof listEntries> {
  const fd = openSync(path, 'r');
  try {
    return listEntries(c, fd);
  } finally {
    closeSync(fd);
  }
}
