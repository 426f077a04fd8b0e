import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { compilePatterns } from '../patterns/pattern-list.ts';
import { pathText } from '../patterns/path-text.ts';
import { expandVariables } from './environment.ts';
import { parsePatternFile, readPatternFile } from './pattern-file.ts';
import { decodeTextFile, splitLines, trimSpace } from './text-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-patterns-'));
after(() => rmSync(folder, { recursive: true }));

describe('a pattern file', () => {
  it('has a pattern on each line, besides comments and empty lines', () => {
    const text = '\ufeff# go files\n*.go\r\n\n   \n  foo bar.txt \t\n  # no pattern\n!*.keep';
    assert.deepEqual(parsePatternFile(Buffer.from(text), {}), ['*.go', 'foo bar.txt', '!*.keep']);
  });

  it('has its variables replaced', () => {
    const environment = { HOME: '/home/bob', EMPTY: '', HASH: '#x' };
    const text = '$HOME/a\n${HOME}s\n$$HOME\n$ABSENT/x\n$EMPTY\n$HASH';
    assert.deepEqual(parsePatternFile(Buffer.from(text), environment), ['/home/bob/a', '/home/bobs', '$HOME', '/x', '', '#x']);
  });

  it('may be UTF-16 of either order, with its mark', () => {
    const little = Buffer.from('\ufeffgrüße\r\n😀', 'utf16le');
    assert.deepEqual(parsePatternFile(little, {}), ['grüße', '😀']);
    assert.deepEqual(parsePatternFile(Buffer.from(little).swap16(), {}), ['grüße', '😀']);
  });

  it('may hold bytes that are no UTF-8, and they match', () => {
    const [pattern = ''] = parsePatternFile(Buffer.from([0x72, 0xff, 0x0a]), {});
    assert.equal(compilePatterns([pattern]).isMatch(pathText(Buffer.from([0x2f, 0x72, 0xff]))), true);
  });

  it('is read by name, and named when it cannot be', async () => {
    const path = join(folder, 'excludes');
    writeFileSync(path, '*.o\n');
    assert.deepEqual(await readPatternFile(path, {}, '--exclude-file'), ['*.o']);
    await assert.rejects(readPatternFile(join(folder, 'absent'), {}, '--exclude-file'), {
      code: 'usage',
      message: `the file of --exclude-file cannot be read: ${join(folder, 'absent')}: ENOENT`,
    });
  });
});

it('expands variables as Go’s os.Expand does', () => {
  const cases = {
    '': '',
    'no variable': 'no variable',
    $A: 'a',
    $A$A: 'aa',
    $AB: '',
    '${A}B': 'aB',
    '$A-B': 'a-B',
    $: '$',
    x$: 'x$',
    $$: '$',
    $$A: '$A',
    '${$}': '$',
    '$/': '$/',
    $é: '$é',
    '${}x': 'x',
    '${A': 'A',
    $1A: 'A',
    '$*x': 'x',
    '${ A}': '',
    $constructor: '',
  };
  for (const [text, expanded] of Object.entries(cases)) assert.equal(expandVariables(text, { A: 'a' }), expanded, text);
});

it('trims what Go’s TrimSpace trims', () => {
  assert.equal(trimSpace(' \t\r\n\v\f\u0085\u00a0\u3000x y\u2028 '), 'x y');
  assert.equal(trimSpace('\ufeffx\u200b'), '\ufeffx\u200b');
  assert.equal(trimSpace(' '.repeat(5)), '');
  const start = performance.now();
  trimSpace(`x${' '.repeat(200_000)}x`);
  assert.ok(performance.now() - start < 5000);
});

it('splits lines at LF and CR LF only', () => {
  const lines = (text: string) => splitLines(Buffer.from(text)).map(String);
  assert.deepEqual(lines('a\nb\r\nc\rd'), ['a', 'b', 'c\rd']);
  assert.deepEqual(lines('a\n'), ['a']);
  assert.deepEqual(lines('\n\na'), ['', '', 'a']);
  assert.deepEqual(lines('a\r'), ['a']);
  assert.deepEqual(lines(''), []);
});

it('takes a text without a mark as it is', () => {
  const bytes = Buffer.from([0xc3, 0x28, 0xff]);
  assert.equal(decodeTextFile(bytes), bytes);
  assert.deepEqual(decodeTextFile(Buffer.from([0xef, 0xbb, 0xbf, 0xff])), Buffer.from([0xff]));
});
