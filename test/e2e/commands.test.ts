import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { PeerRun } from '../support/peers.ts';
import { fileContent, jsonOf, makeScene, type Scene } from './scene.ts';

const cleanups: (() => void)[] = [];
let scene: Scene;
let first: string;
let second: string;

async function succeed(...args: string[]): Promise<PeerRun> {
  const result = await scene.holdfast(args);
  assert.equal(result.code, 0, `holdfast ${args.join(' ')}: ${result.stderr}`);
  return result;
}

async function lines(...args: string[]): Promise<string[]> {
  return (await succeed(...args)).stdout.trimEnd().split('\n');
}

async function printed(...object: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await succeed('cat', ...object)).stdout) as Record<string, unknown>;
}

async function backUp(...more: string[]): Promise<string> {
  const summary = jsonOf((await succeed('backup', '--json', 'source', ...more)).stdout).at(-1);
  return String(summary?.['snapshot_id']);
}

before(async () => {
  scene = await makeScene({ after: (work) => cleanups.push(work) });
  first = await backUp('--tag', 'one,first', '--host', 'alpha', '--time', '2026-01-02 03:04:05');
  writeFileSync(join(scene.source, 'file.txt'), `${fileContent}changed\n`);
  rmSync(join(scene.source, 'folder/program'));
  mkdirSync(join(scene.source, 'new'));
  writeFileSync(join(scene.source, 'new/file'), 'new');
  second = await backUp('--tag', 'two', '--host', 'beta');
});

after(() => {
  for (const work of cleanups) work();
});

describe('holdfast backup', () => {
  it('says what it did', async () => {
    const output = (await succeed('backup', 'source', '--host', 'beta')).stdout;
    assert.match(output, /Files: +0 new, +0 changed, +5 unmodified/);
    assert.match(output, new RegExp(`compared with snapshot ${second.slice(0, 8)}`));
    assert.match(output, /snapshot [0-9a-f]{8} saved/);
  });

  it('makes no snapshot on a dry run, and none when nothing changed and that is asked for', async () => {
    const count = async () => (jsonOf((await succeed('snapshots', '--json')).stdout)[0] as unknown as unknown[]).length;
    const before = await count();
    assert.match((await succeed('backup', 'source', '--dry-run')).stdout, /Would add/);
    assert.match((await succeed('backup', 'source', '--skip-if-unchanged', '--host', 'beta')).stdout, /no snapshot was made/);
    assert.equal(await count(), before);
  });

  it('names every file when very verbose', async () => {
    const output = (await succeed('backup', 'source', '-vv', '--force', '--dry-run', '--exclude', 'deep')).stdout;
    assert.match(output, /^new +\S+\/source\/new\/file \(3 B/m);
    assert.match(output, /^excluded +\S+\/source\/folder\/deep/m);
  });

  it('fails when a path is missing, and makes no snapshot', async () => {
    const result = await scene.holdfast(['backup', 'source', 'missing', '--host', 'gamma']);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /error: missing cannot be found, no snapshot was made\nhint: /);
    assert.match((await succeed('snapshots', '--host', 'gamma')).stdout, /^0 snapshots$/m);
  });
});

describe('holdfast snapshots', () => {
  it('lists them as a table, oldest first', async () => {
    const table = await lines('snapshots', first, second);
    assert.match(table[0] ?? '', /^ID +Time +Host +Tags +Paths +Size$/);
    assert.match(table[2] ?? '', new RegExp(`^${first.slice(0, 8)}  2026-01-02 03:04:05  alpha +one,first +${scene.source} +2\\.980 KiB$`));
    assert.match(table[3] ?? '', new RegExp(`^${second.slice(0, 8)} .* beta +two`));
    assert.equal(table.at(-1), '2 snapshots');
  });

  it('filters by host, tag and path', async () => {
    const ids = async (...filter: string[]) =>
      (jsonOf((await succeed('snapshots', '--json', ...filter)).stdout)[0] as unknown as { id: string }[]).map(({ id }) => id);
    assert.deepEqual(await ids('--host', 'alpha'), [first]);
    assert.deepEqual(await ids('--tag', 'first,one'), [first]);
    assert.deepEqual(await ids('--tag', 'first,two'), []);
    assert.deepEqual(await ids('--tag', 'first', '--tag', 'two'), [first, second]);
    assert.deepEqual(await ids('--path', '/nowhere'), []);
  });

  it('groups, and keeps the last of each group', async () => {
    assert.match((await succeed('snapshots', '--group-by', 'host')).stdout, /^snapshots for \(host \[alpha\]\):$/m);
    const [groups] = jsonOf((await succeed('snapshots', '--json', '--group-by', 'host', '--latest', '1')).stdout);
    const hosts = (groups as unknown as { group_key: { hostname: string; tags: null }; snapshots: unknown[] }[]).map((group) => [
      group.group_key.hostname,
      group.snapshots.length,
    ]);
    assert.deepEqual(hosts, [
      ['alpha', 1],
      ['beta', 1],
    ]);
  });
});

describe('holdfast ls', () => {
  it('lists a snapshot', async () => {
    const [heading, ...paths] = await lines('ls', second);
    assert.match(heading ?? '', new RegExp(`^snapshot ${second.slice(0, 8)} of \\[${scene.source}\\] at `));
    assert.deepEqual(paths.slice(0, 4), ['/source', '/source/file.txt', '/source/folder', '/source/folder/deep']);
  });

  it('begins in a folder, and lists long', async () => {
    const listing = await lines('ls', '--long', `${first}:source/folder`);
    assert.match(
      listing.find((line) => line.includes('/program')) ?? '',
      /^urwxr-xr-x +\d+ +\d+ +10 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \/program$/,
    );
    assert.match(listing.find((line) => line.includes('/link')) ?? '', /^Lrwxrwxrwx .* \/link -> \.\.\/file\.txt$/);
    assert.match(listing.find((line) => line.includes('/pipe')) ?? '', /^prw/);
  });

  it('lists one level of the directories asked for, or all', async () => {
    const paths = async (...args: string[]) => (await lines('ls', '--quiet', second, '/source/folder', ...args)).length;
    assert.equal(await paths(), 6);
    assert.equal(await paths('--recursive'), 7);
  });

  it('sorts', async () => {
    const bySize = await lines('ls', '--quiet', '--sort', 'size', '--reverse', second);
    assert.equal(bySize[0], '/source/folder/deep/blob.bin');
  });
});

describe('holdfast find', () => {
  it('finds in all snapshots, newest first', async () => {
    const output = (await succeed('find', 'PROGRAM', '--ignore-case', '--snapshot', first, '--snapshot', second)).stdout;
    assert.match(
      output,
      new RegExp(`^Found matching entries in snapshot ${first.slice(0, 8)} from 2026-01-02 03:04:05\n/source/folder/program\n$`),
    );
  });

  it('finds by time', async () => {
    const old = await lines('find', '--quiet', '--newest', '2024-01-01', '*', '--snapshot', first);
    assert.deepEqual(old, ['/source/file.txt', '/source/folder/hard-link']);
  });

  it('finds where a blob is used, and its pack', async () => {
    const [snapshot] = jsonOf((await succeed('find', '--json', 'blob.bin', '--snapshot', first)).stdout);
    assert.equal((snapshot as unknown as { hits: number }[])[0]?.hits, 1);
    const tree = JSON.parse((await succeed('cat', 'tree', `${first}:source/folder/deep`)).stdout) as { nodes: { content: string[] }[] };
    const blob = tree.nodes[0]?.content[0] ?? '';
    const output = (await succeed('find', '--blob', blob.slice(0, 10), '--show-pack-id', '--snapshot', first)).stdout;
    assert.match(output, new RegExp(`^Found blob ${blob}\n \\.\\.\\. in file /source/folder/deep/blob.bin\n`));
    const pack = /is in pack ([0-9a-f]{64})/.exec(output)?.[1] ?? '';
    assert.match((await succeed('find', '--pack', pack.slice(0, 12), '--snapshot', first)).stdout, new RegExp(blob));
  });
});

describe('holdfast diff', () => {
  it('shows what changed and counts it', async () => {
    const output = await lines('diff', first, second);
    assert.equal(output[0], `comparing snapshot ${first.slice(0, 8)} to ${second.slice(0, 8)}:`);
    const changes = output.filter((line) => /^[+MTU?-]+ +\//.test(line));
    assert.deepEqual(changes, [
      'M    /source/file.txt',
      'M    /source/folder/hard-link',
      '-    /source/folder/program',
      '+    /source/new/',
      '+    /source/new/file',
    ]);
    assert.ok(output.includes('Files:           1 new,     1 removed,     2 changed'));
  });

  it('compares folders, with metadata when asked', async () => {
    const output = await lines('diff', '--metadata', `${first}:source/folder`, `${second}:source/folder`);
    assert.ok(output.includes('-    /program'));
    assert.ok(output.includes('U    /deep/') === false);
  });
});

describe('holdfast restore', () => {
  it('brings back everything, and verifies it', async () => {
    const target = join(scene.folder, 'restored');
    const output = (await succeed('restore', first, '--target', target, '--verify')).stdout;
    assert.match(output, /Restored 10 files\/dirs .*\nverified 4 files\n$/);
    assert.equal(readFileSync(join(target, 'source/file.txt'), 'utf8'), fileContent);
    assert.equal(readlinkSync(join(target, 'source/folder/link')), '../file.txt');
    assert.equal(lstatSync(join(target, 'source/file.txt')).ino, lstatSync(join(target, 'source/folder/hard-link')).ino);
    assert.equal(lstatSync(join(target, 'source/file.txt')).mtimeMs, 1_700_000_000_000);
  });

  it('restores a folder, and only what was asked for', async () => {
    const target = join(scene.folder, 'part');
    await succeed('restore', `${first}:source/folder`, '--target', target, '--include', 'deep');
    assert.deepEqual(readdirSync(target), ['deep']);
  });

  it('takes the latest snapshot that fits', async () => {
    const target = join(scene.folder, 'latest');
    await succeed('restore', 'latest', '--host', 'alpha', '--target', target);
    assert.ok(readdirSync(join(target, 'source/folder')).includes('program'));
  });

  it('leaves, overwrites or deletes as it is told', async () => {
    const target = join(scene.folder, 'again');
    await succeed('restore', `${first}:source`, '--target', target);
    writeFileSync(join(target, 'file.txt'), 'mine');
    writeFileSync(join(target, 'extra'), 'extra');
    assert.match((await succeed('restore', `${first}:source`, '--target', target, '--overwrite', 'never')).stdout, /skipped/);
    assert.equal(readFileSync(join(target, 'file.txt'), 'utf8'), 'mine');
    assert.match(
      (await succeed('restore', `${first}:source`, '--target', target, '--delete', '--dry-run', '-vv')).stdout,
      /^deleted +\/extra/m,
    );
    assert.ok(readdirSync(target).includes('extra'));
    await succeed('restore', `${first}:source`, '--target', target, '--delete');
    assert.equal(readFileSync(join(target, 'file.txt'), 'utf8'), fileContent);
    assert.ok(!readdirSync(target).includes('extra'));
  });
});

describe('holdfast dump', () => {
  it('prints a file', async () => {
    assert.equal((await succeed('dump', first, '/source/file.txt')).stdout, fileContent);
  });

  it('makes a tar archive of a folder, which tar unpacks', async () => {
    const archive = join(scene.folder, 'folder.tar');
    assert.match((await succeed('dump', first, '/source', '--target', archive)).stdout, /wrote \d+ bytes of \/source to /);
    const target = join(scene.folder, 'untar');
    mkdirSync(target);
    execFileSync('tar', ['-xpf', archive, '-C', target]);
    assert.equal(readFileSync(join(target, 'source/file.txt'), 'utf8'), fileContent);
    assert.equal(lstatSync(join(target, 'source/folder/program')).mode & 0o7777, 0o4755);
    assert.equal(lstatSync(join(target, 'source/file.txt')).ino, lstatSync(join(target, 'source/folder/hard-link')).ino);
    assert.ok(lstatSync(join(target, 'source/folder/pipe')).isFIFO());
  });

  it('makes a zip archive of a folder, and says what does not fit into one', async () => {
    const archive = join(scene.folder, 'folder.zip');
    const result = await succeed('dump', `${first}:source/folder`, '/', '--archive', 'zip', '--target', archive);
    assert.match(result.stderr, /warning: pipe is left out/);
    const names = execFileSync('python3', ['-m', 'zipfile', '-l', archive], { encoding: 'utf8' });
    assert.match(names, /^deep\/blob\.bin /m);
  });
});

describe('holdfast stats, check, cat and version', () => {
  it('count', async () => {
    assert.match((await succeed('stats', first)).stdout, /Total File Count: +10\n +Total Size: +2\.9\d+ KiB/);
    assert.match((await succeed('stats', '--mode', 'raw-data')).stdout, /Compression Ratio: +\d+\.\d\dx/);
  });

  it('check', async () => {
    assert.match((await succeed('check')).stdout, /no errors were found/);
    assert.match((await succeed('check', '--read-data')).stdout, /read .* of data\nno errors were found/);
  });

  it('print objects', async () => {
    assert.match(
      (await succeed('cat', 'config')).stdout,
      /^\{\n {2}"version": 2,\n {2}"id": "[0-9a-f]{64}",\n {2}"chunker_polynomial": "[0-9a-f]+"\n\}\n$/,
    );
    assert.equal((await printed('snapshot', first.slice(0, 8)))['hostname'], 'alpha');
    const [key] = jsonOf((await succeed('key', 'list', '--json')).stdout) as unknown as { id: string }[][];
    assert.equal((await printed('key', key?.[0]?.id ?? ''))['kdf'], 'scrypt');
    assert.ok((await printed('masterkey'))['encrypt']);
  });

  it('print the version', async () => {
    assert.match((await succeed('version')).stdout, /^holdfast \d+\.\d+\.\d+\S*, node v\d+/);
    assert.match((await succeed('--version')).stdout, /^holdfast \d+\.\d+\.\d+/);
  });
});

describe('holdfast key', () => {
  it('adds, lists, changes and removes passwords', async () => {
    const file = join(scene.folder, 'new-password');
    writeFileSync(file, 'second password\n');
    const opened = { env: { HOLDFAST_PASSWORD: 'second password' } };
    const added = jsonOf((await succeed('key', 'add', '--json', '--new-password-file', file, '--user', 'me', '--host', 'here')).stdout)[0];
    assert.match(
      (await scene.holdfast(['key', 'list'], opened)).stdout,
      new RegExp(`^\\*${String(added?.['id']).slice(0, 8)} +me +here`, 'm'),
    );

    writeFileSync(file, 'third password');
    const changed = await scene.holdfast(['key', 'passwd', '--json', '--new-password-file', file], opened);
    const third = String(jsonOf(changed.stdout)[0]?.['id']);
    assert.equal((await scene.holdfast(['snapshots'], opened)).code, 12);
    assert.equal((await scene.holdfast(['snapshots'], { env: { HOLDFAST_PASSWORD: 'third password' } })).code, 0);

    assert.match((await succeed('key', 'remove', third.slice(0, 10))).stdout, new RegExp(`removed key ${third}`));
    assert.equal((await scene.holdfast(['snapshots'], { env: { HOLDFAST_PASSWORD: 'third password' } })).code, 12);
  });

  it('never removes the key in use', async () => {
    const [list] = jsonOf((await succeed('key', 'list', '--json')).stdout) as unknown as { id: string; current: boolean }[][];
    const current = list?.find((key) => key.current)?.id ?? '';
    const result = await scene.holdfast(['key', 'remove', current]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /not removed/);
  });
});
