import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { messageOf, runHoldfast, snapshotOf } from '../support/holdfast.ts';
import { requirePeer, type RunOptions } from '../support/peers.ts';
import { assertSameSnapshot } from '../support/same-snapshot.ts';
import { requireTreePeer, SharedRepository } from '../support/shared-repository.ts';
import { sharedSetting } from '../support/shared-setting.ts';

interface Variant {
  readonly args: readonly string[];
  /** Files beside the source, for options that read one. */
  readonly files?: Readonly<Record<string, string>>;
  readonly options?: RunOptions;
}

/** The working folder of both programs is the one that holds `source`, and `lists` with the files of the variant. */
const variants: Readonly<Record<string, Variant>> = {
  'no option': { args: ['source'] },
  '.': { args: ['.'], options: { cwd: 'source' } },
  './ in front and / behind': { args: ['./source//a/'] },
  '.. in the path': { args: ['../source/a'], options: { cwd: 'source' } },
  'a path above the working folder': { args: ['../../b', '.'], options: { cwd: 'source/a/inner' } },
  'a single file': { args: ['source/a/one.txt'] },
  'a link as target': { args: ['source/link to a'] },
  'a target behind a link': { args: ['source/link to a/inner'] },
  'several targets': { args: ['source/b', 'source/a'] },
  'a time before 1970': { args: ['--time', '1960-01-02 03:04:05', 'source/b'] },
  'targets one inside the other': { args: ['source', 'source/a/inner'] },
  'targets one inside the other, the inner first': { args: ['source/a/inner', 'source'] },
  'the same target twice': { args: ['source/a', 'source/a', './source/a'] },
  'targets with the same last name': { args: ['source/a/inner', 'source/b/inner'] },
  'targets with the same path from two working folders': { args: ['../b', 'inner'], options: { cwd: 'source/a' } },
  '--exclude by name': { args: ['--exclude', '*.txt', 'source'] },
  '--exclude with a path': { args: ['--exclude', 'source/a/inner', 'source'] },
  '--exclude with **': { args: ['--exclude', 'source/**/*.TXT', 'source'] },
  '--exclude and a negated pattern': { args: ['-e', 'source/a/*', '-e', '!source/a/one.txt', 'source'] },
  '--exclude of a target itself': { args: ['--exclude', 'a', 'source/a', 'source/b'] },
  '--exclude with braces, brackets and a backslash': { args: ['--exclude', '[a-b]ther', '--exclude', 'one\\.txt', 'source'] },
  '--exclude of everything': { args: ['--exclude', '*', 'source'] },
  '--iexclude': { args: ['--iexclude', '*.TXT', 'source'] },
  '--exclude and --iexclude together': { args: ['--iexclude', 'TWO*', '--exclude', 'inner', 'source'] },
  '--exclude-file': {
    args: ['--exclude-file', 'lists/excludes', 'source'],
    files: { excludes: '# a comment\n\n  *.txt  \n$PART\n!one.txt\n' },
    options: { env: { PART: 'inner' } },
  },
  '--exclude-file with a byte order mark': {
    args: ['--exclude-file', 'lists/excludes', 'source'],
    files: { excludes: '\ufeff*.txt\r\ninner\r\n' },
  },
  '--iexclude-file': { args: ['--iexclude-file', 'lists/excludes', 'source'], files: { excludes: 'ONE.*\n' } },
  '--exclude-caches': { args: ['--exclude-caches', 'source'] },
  '--exclude-if-present': { args: ['--exclude-if-present', '.nobackup', 'source'] },
  '--exclude-if-present with a header': { args: ['--exclude-if-present', '.nobackup:leave this', 'source'] },
  '--exclude-if-present with another header': { args: ['--exclude-if-present', '.nobackup:keep this', 'source'] },
  '--exclude-larger-than': { args: ['--exclude-larger-than', '1k', 'source'] },
  '--exclude-larger-than of exactly a size': { args: ['--exclude-larger-than', '1024', 'source'] },
  '--one-file-system': { args: ['--one-file-system', 'source'] },
  '--files-from': { args: ['--files-from', 'lists/from'], files: { from: '# patterns\nsource/*/*.txt\n\n  source/b/inner  \n' } },
  '--files-from with a target on the command line': { args: ['--files-from', 'lists/from', 'source/b'], files: { from: 'source/a/*\n' } },
  '--files-from-verbatim': {
    args: ['--files-from-verbatim', 'lists/from'],
    files: { from: 'source/# no comment\n\nsource/[brackets]\n source with space\n' },
  },
  '--files-from-raw': { args: ['--files-from-raw', 'lists/from'], files: { from: 'source/two\nlines\0source/b\0' } },
  '--files-from-raw from standard input': { args: ['--files-from-raw', '-'], options: { input: 'source/a\0source/# no comment\0' } },
  '--files-from from standard input': { args: ['--files-from', '-'], options: { input: 'source/*\n' } },
  '--tag several times': { args: ['--tag', 'one,two', '--tag', 'three', 'source'] },
  '--host': { args: ['--host', 'another.example', 'source'] },
  '--time': { args: ['--time', '2021-03-04 05:06:07', 'source'], options: { env: { TZ: 'Europe/Berlin' } } },
  '--read-concurrency': { args: ['--read-concurrency', '5', 'source'] },
};

describe('what is stored with', { concurrency: 2 }, () => {
  const setting = repositoryAndSource();
  for (const [name, { args, files = {}, options = {} }] of Object.entries(variants)) {
    it(`${name} is what restic stores`, async (t) => {
      const shared = setting(t);
      if (shared === undefined) return;
      const lists = join(shared.folder, 'lists', createHash('sha256').update(name).digest('hex').slice(0, 8));
      mkdirSync(lists);
      for (const [file, text] of Object.entries(files)) writeFileSync(join(lists, file), text);
      const { cwd = '.', ...rest } = options;
      const placed = args.map((arg) => arg.replace(/^lists\b/u, lists));
      const { ours, theirs } = await assertSameSnapshot(shared, ['--force', ...placed], { ...rest, cwd: join(shared.folder, cwd) });
      if (args.includes('--time')) assert.equal(ours.timeNs, theirs.timeNs);
    });
  }
});

/** One repository and one source for a group of tests: none of them changes the source. */
function repositoryAndSource(): (t: TestContext) => SharedRepository | undefined {
  const setting = sharedSetting(async (t) => {
    const peer = requireTreePeer({ skip: () => {} });
    if (peer === undefined) return undefined;
    const shared = await SharedRepository.create(t, peer);
    buildSource(join(shared.folder, 'source'));
    writeFileSync(join(shared.folder, ' source with space'), 'beside the source');
    mkdirSync(join(shared.folder, 'lists'));
    return shared;
  });
  return (t) => (requireTreePeer(t) === undefined ? undefined : setting());
}

/** Small, with something for each option to leave out and something to keep. */
function buildSource(source: string): void {
  for (const folder of ['a/inner/deeper', 'b/inner', 'cache/below', 'false cache', 'marked/below', 'empty'])
    mkdirSync(join(source, folder), { recursive: true });
  const files: Readonly<Record<string, string>> = {
    'a/one.txt': 'one',
    'a/two.TXT': 'two',
    'a/inner/three.txt': 'three',
    'a/inner/deeper/four': 'four',
    'b/inner/three.txt': 'another three',
    'b/other': 'other',
    'cache/CACHEDIR.TAG': 'Signature: 8a477f597d28d172789f06886806bc55\n# and more',
    'cache/below/cached': 'cached',
    'false cache/CACHEDIR.TAG': 'Signature: none',
    'false cache/kept': 'kept',
    'marked/.nobackup': 'leave this out',
    'marked/below/file': 'file',
    'exactly 1024': 'x'.repeat(1024),
    'one more': 'x'.repeat(1025),
    '# no comment': 'a name that looks like a comment',
    '[brackets]': 'a name that is a pattern',
    'two\nlines': 'a name with a line break',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(source, name), text);
  symlinkSync('a', join(source, 'link to a'));
  linkSync(join(source, 'a/one.txt'), join(source, 'b/hard link'));
}

describe('a stream', { concurrency: 2 }, () => {
  // restic looks for a parent of a command's output; what it counts then says nothing of what is stored.
  const time = ['--force', '--time', '2022-02-02 02:02:02'];
  const streams: Readonly<Record<string, Variant>> = {
    '--stdin': { args: ['--stdin'], options: { input: 'what was piped in' } },
    '--stdin long ago': { args: ['--stdin', '--time', '1962-03-04 05:06:07'], options: { input: 'old' } },
    '--stdin of several chunks': { args: ['--stdin'], options: { input: Buffer.alloc(20_000_000, 'several chunks ') } },
    '--stdin-filename': { args: ['--stdin', '--stdin-filename', 'dump.sql'], options: { input: 'select 1;' } },
    '--stdin-filename with folders': { args: ['--stdin', '--stdin-filename', '/var/dumps/dump.sql'], options: { input: 'select 2;' } },
    '--stdin-filename with odd parts': { args: ['--stdin', '--stdin-filename', 'a//b/../c d/<&>'], options: { input: 'select 3;' } },
    '--stdin-from-command': { args: ['--stdin-from-command', '--', 'printf', 'what the command printed'] },
    '--stdin-from-command with a name': { args: ['--stdin-from-command', '--stdin-filename', 'x/y', 'seq', '100000'] },
  };
  const setting = repositoryAndSource();
  for (const [name, { args, options }] of Object.entries(streams)) {
    it(`saved by ${name} is what restic saves`, async (t) => {
      const shared = setting(t);
      if (shared === undefined) return;
      const { ours, theirs } = await assertSameSnapshot(shared, [...time, '--tag', 'stream', ...args], { ...options, cwd: shared.folder });
      assert.equal(ours.timeNs, theirs.timeNs);
    });
  }

  it('of a command that fails, or that prints nothing, makes no snapshot', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    for (const command of ['echo begun; exit 4', 'true']) {
      const { code, lines } = await runHoldfast(shared.path, ['backup', '--stdin-from-command', '--', 'sh', '-c', command]);
      assert.equal(code, 1);
      assert.equal(messageOf(lines, 'exit_error')['error_code'], 'source-failed');
    }
    assert.equal((await runHoldfast(shared.path, ['backup', '--stdin'])).code, 1);
    assert.deepEqual(await shared.snapshots(), []);
    await shared.check('--read-data');
  });
});

describe('an absolute path', () => {
  const setting = repositoryAndSource();
  it('is stored with its folders above, and the folder itself is as restic stores it', async (t) => {
    const shared = setting(t);
    if (shared === undefined) return;
    const source = join(shared.folder, 'source');
    const ours = snapshotOf(await shared.holdfast(['backup', source]));
    const theirs = snapshotOf(await shared.restic(['backup', '--json', '--force', source]));
    const treeAt = async (id: string, path: string): Promise<string> => (await shared.restic(['cat', 'tree', `${id}:${path}`])).stdout;
    // Folders above, like /tmp, change while tests run.
    for (const path of [source, join(source, 'a'), shared.folder]) assert.equal(await treeAt(ours, path), await treeAt(theirs, path), path);
    assert.deepEqual((await shared.readSnapshot(ours)).paths, [source]);
  });
});
