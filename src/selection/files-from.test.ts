import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { collectTargets, type FileList, readFileList } from './files-from.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-lists-'));
after(() => rmSync(folder, { recursive: true }));

for (const directory of ['a', 'b', 'b.d', '.hidden']) {
  mkdirSync(join(folder, directory));
  for (const name of ['one.txt', 'two.txt', 'é', '[x]']) writeFileSync(join(folder, directory, name), '');
}
writeFileSync(Buffer.concat([Buffer.from(`${folder}/a/raw`), Buffer.from([0xff])]), '');
symlinkSync('a', join(folder, 'link'));

describe('a list of patterns', () => {
  it('is expanded as Go’s filepath.Glob does it', async () => {
    assert.deepEqual(await read('patterns', `${folder}/*/one.txt`), [
      '.hidden/one.txt',
      'a/one.txt',
      'b/one.txt',
      'b.d/one.txt',
      'link/one.txt',
    ]);
    assert.deepEqual(await read('patterns', `${folder}/[ab]/t?o.txt`), ['a/two.txt', 'b/two.txt']);
    assert.deepEqual(await read('patterns', `${folder}/b/\\[x\\]`), ['b/[x]']);
    assert.deepEqual(await read('patterns', `${folder}/b/?`), ['b/é']);
    assert.deepEqual(await read('patterns', `${folder}/a/raw*`), ['a/raw\xff']);
  });

  it('may have comments, empty lines and space around', async () => {
    assert.deepEqual(await read('patterns', `# comment\n\n  ${folder}/a  \r\n\t# more\n`), ['a']);
  });

  it('keeps a path without wildcards that does not exist, so that it comes out', async () => {
    assert.deepEqual(await read('patterns', `${folder}/absent`), ['absent']);
  });

  it('warns of a pattern that fits nothing', async () => {
    const warnings: string[] = [];
    assert.deepEqual(await read('patterns', `${folder}/*.none`, warnings), []);
    assert.deepEqual(warnings, [`the pattern "${folder}/*.none" fits no file`]);
  });

  it('is refused with a malformed pattern', async () => {
    await assert.rejects(read('patterns', '/x/[a'), { code: 'usage', message: /--files-from has a malformed pattern: \/x\/\[a/ });
    await assert.rejects(read('patterns', '/*'.repeat(100_000)), { code: 'usage' });
  });
});

describe('a verbatim list', () => {
  it('has a path on each line, with all its blanks and signs', async () => {
    assert.deepEqual(await read('verbatim', `${folder}/a*\n\n${folder}/ b \n#c\r\n`), ['a*', ' b ', '#c']);
  });
});

describe('a raw list', () => {
  it('ends each name with NUL', async () => {
    assert.deepEqual(await read('raw', Buffer.from(`${folder}/a\n\0${folder}/\xff\0`, 'latin1')), ['a\n', '\xff']);
    assert.deepEqual(await read('raw', ''), []);
  });

  it('is refused when it was cut off, or has an empty name', async () => {
    await assert.rejects(read('raw', 'a\0b'), { code: 'usage', message: /does not end in a NUL byte/ });
    await assert.rejects(read('raw', 'a\0\0b\0'), { code: 'usage', message: /has an empty name/ });
  });
});

it('decodes files, and takes the standard input as it comes', async () => {
  const path = join(folder, 'marked');
  writeFileSync(path, '\ufeff/é\n', 'utf16le');
  assert.deepEqual(await readFileList({ form: 'verbatim', path }, context()), [Buffer.from('/é')]);
  const marked = Buffer.from('\ufeff/a\n');
  assert.deepEqual(await readFileList({ form: 'verbatim', path: '-' }, context(marked)), [Buffer.from('\ufeff/a')]);
});

it('names a list that cannot be read', async () => {
  await assert.rejects(readFileList({ form: 'raw', path: join(folder, 'nope') }, context()), {
    code: 'usage',
    message: /--files-from-raw.*nope: ENOENT/,
  });
});

it('puts the lists before the arguments, and refuses to back up nothing', async () => {
  const list: FileList = { form: 'verbatim', path: '-' };
  assert.deepEqual((await collectTargets([Buffer.from('z')], [list], context(Buffer.from('a\nb')))).map(String), ['a', 'b', 'z']);
  await assert.rejects(collectTargets([], [list], context(Buffer.from('\n'))), { code: 'usage', message: /nothing to back up/ });
});

/** The paths of a list given on standard input, one character per byte, without the folder. */
async function read(form: FileList['form'], content: string | Buffer, warnings: string[] = []): Promise<string[]> {
  const paths = await readFileList({ form, path: '-' }, context(Buffer.from(content), warnings));
  const text = paths.map((path) => path.toString('latin1').replace(`${folder}/`, ''));
  return form === 'raw' || text.some((path) => path.includes('\xff'))
    ? text
    : paths.map((path) => path.toString().replace(`${folder}/`, ''));
}

function context(input: Buffer = Buffer.alloc(0), warnings: string[] = []) {
  return { readStandardInput: async () => input, onWarning: (message: string) => void warnings.push(message) };
}
