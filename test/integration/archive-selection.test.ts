/** What a backup leaves out because it was told so, and what it leaves out because it cannot be read. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ArchiveSession } from '../../src/archiver/archive-session.ts';
import { ArchiveSetting, failuresOf, itemsOf } from '../support/archive-setting.ts';
import { failure } from '../support/failure.ts';
import { isRoot } from '../support/odd-tree.ts';

/** Files by their paths, with folders made as needed. */
function write(setting: ArchiveSetting, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(setting.source, path)), { recursive: true });
    writeFileSync(join(setting.source, path), content);
  }
}

/** All paths below `source` in the snapshot. */
async function paths(setting: ArchiveSetting, tree: string, ...folder: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const [name, node] of await setting.nodes(tree, 'source', ...folder)) {
    found.push([...folder, name].join('/'));
    if (node.subtree !== undefined) found.push(...(await paths(setting, tree, ...folder, name)));
  }
  return found;
}

describe('the exclude rules of a backup', () => {
  it('leave out what they name, and what lies below', async (t) => {
    const setting = await ArchiveSetting.create(t);
    write(setting, { 'a.tmp': '', 'A.TMP': '', keep: '', 'cache/x': '', 'deep/cache/y': '', 'deep/b.tmp': '' });
    const run = await setting.run({ selection: { excludes: ['*.tmp', 'deep/cache'] }, reportItems: true });
    assert.deepEqual(await paths(setting, run.tree), ['A.TMP', 'cache', 'cache/x', 'deep', 'keep']);
    const excluded = itemsOf(run).filter((item) => item.action === 'excluded');
    assert.deepEqual(
      excluded.map((item) => item.path).sort(),
      ['a.tmp', 'deep/b.tmp', 'deep/cache'].map((path) => join(setting.source, path)),
    );
    const caseless = await setting.run({ selection: { iexcludes: ['*.tmp'] } });
    assert.deepEqual(await paths(setting, caseless.tree), ['cache', 'cache/x', 'deep', 'deep/cache', 'deep/cache/y', 'keep']);
    assert.deepEqual(failuresOf(run), []);
  });

  it('leave out large files, and folders that a tag marks', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const tag = 'Signature: 8a477f597d28d172789f06886806bc55';
    write(setting, {
      'cache/CACHEDIR.TAG': tag,
      'cache/x': '',
      'skipped/.nobackup': '',
      'skipped/y': '',
      'two/CACHEDIR.TAG': 'no',
      'two/z': '',
    });
    write(setting, { large: '12345', just: '1234' });
    const selection = { excludeCaches: true, excludeIfPresent: [{ name: '.nobackup' }], excludeLargerThanBytes: 4 };
    const run = await setting.run({ selection });
    assert.deepEqual(await paths(setting, run.tree), ['cache', 'just', 'skipped', 'skipped/.nobackup', 'two', 'two/CACHEDIR.TAG', 'two/z']);
  });

  it('do not apply to what was named as a target', async (t) => {
    const setting = await ArchiveSetting.create(t);
    write(setting, { 'a.tmp': 'a', 'b.tmp': 'b' });
    const run = await setting.run({ paths: ['source/a.tmp'], selection: { excludes: ['*.tmp', 'source'] } });
    assert.deepEqual(await paths(setting, run.tree), ['a.tmp']);
  });

  it('fail a backup of which they leave nothing', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const error = await failure(setting.run({ paths: ['missing'] }), 'source-missing');
    assert.ok(error.hint !== undefined);
    assert.deepEqual(setting.snapshots, []);
  });

  it('hold for relative targets below a folder whose name is not ASCII', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const folder = join(setting.folder, 'größe 大');
    mkdirSync(join(folder, 'source'), { recursive: true });
    writeFileSync(join(folder, 'source', 'kept'), 'k');
    writeFileSync(join(folder, 'source', 'left out'), 'l');
    process.chdir(folder);
    const run = await setting.run({ selection: { excludes: [join(folder, 'source', 'left out')] } });
    assert.deepEqual(await paths(setting, run.tree), ['kept']);
  });
});

describe('a backup of what changes under it', () => {
  it('takes no notice of what vanished after it was listed', async (t) => {
    const setting = await ArchiveSetting.create(t);
    write(setting, { first: '', 'folder/inner': '', last: '' });
    for (const [name, size] of [
      ['large', 2 << 20],
      ['huge', 40 << 20],
    ] as const) {
      writeFileSync(join(setting.source, name), '');
      truncateSync(join(setting.source, name), size);
    }
    const run = await setting.run({
      workerCount: 2,
      // What is given to another worker vanishes before that one looks.
      onSession: changeBefore(['file', 'directory'], (path) => rmSync(path, { recursive: true })),
    });
    assert.deepEqual(failuresOf(run), []);
    assert.equal(run.failureCount, 0);
    const left = await paths(setting, run.tree);
    assert.ok(left.includes('first') && left.includes('last'));
    assert.ok(!left.includes('large') && !left.includes('huge'), left.join(' '));
  });

  it('does not follow a link that took the place of a file or a folder', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const secret = join(setting.folder, 'secret');
    mkdirSync(secret);
    writeFileSync(join(secret, 'inner'), 'secret');
    write(setting, { first: '', 'folder/inner': 'public', large: '' });
    truncateSync(join(setting.source, 'large'), 2 << 20);
    const run = await setting.run({
      workerCount: 2,
      onSession: changeBefore(['file', 'directory'], (path) => {
        renameSync(path, `${setting.folder}/away-${Math.random()}`);
        symlinkSync(path.endsWith('large') ? join(secret, 'inner') : secret, path);
      }),
    });
    assert.ok(!(await paths(setting, run.tree)).includes('large'));
    assert.ok(failuresOf(run).length >= 1);
    assert.ok(
      failuresOf(run).every(({ error }) => /ELOOP|ENOTDIR/u.test(error.message)),
      JSON.stringify(failuresOf(run)),
    );
    assert.equal(run.failureCount, failuresOf(run).length);
    // One that nobody gave away was walked in time.
    const inner = (await setting.nodes(run.tree, 'source')).has('folder')
      ? (await setting.nodes(run.tree, 'source', 'folder')).get('inner')
      : undefined;
    if (inner !== undefined) assert.equal((await setting.content(inner)).toString(), 'public');
  });
});

/** Does something to what a request names, before the request is made; the target itself stays. */
function changeBefore(kinds: readonly string[], change: (path: string) => void): (session: ArchiveSession) => void {
  return ({ pool }) => {
    const ask = pool.run.bind(pool);
    pool.run = (request, order) => {
      const path = kinds.includes(request.kind) && 'path' in request ? Buffer.from(request.path).toString() : '';
      if (path !== '' && !path.endsWith('/source')) change(path);
      return ask(request, order);
    };
  };
}

describe('a backup by somebody who may not read everything', () => {
  const program = fileURLToPath(new URL('../support/archive-as-user.ts', import.meta.url));

  it('names and counts what it could not read, and saves the rest', async (t) => {
    if (!canBeNobody(program)) return t.skip('this user cannot become another one, or that one cannot read the checkout');
    const setting = await ArchiveSetting.create(t);
    write(setting, { open: 'o', closed: 'c', 'folder/inner': 'i', 'locked/inner': 'l', 'listed/inner': 'x' });
    for (const path of ['', 'open', 'folder', 'folder/inner', 'listed', 'listed/inner']) chmodSync(join(setting.source, path), 0o755);
    chmodSync(join(setting.source, 'closed'), 0o600);
    chmodSync(join(setting.source, 'locked'), 0o700);
    // May be listed but not entered.
    chmodSync(join(setting.source, 'listed'), 0o744);
    const outcome = asNobody(setting, program);
    const at = (path: string): string => join(setting.source, path);
    assert.deepEqual(outcome.failures.sort(), [at('closed'), at('listed/inner'), at('locked')]);
    assert.equal(outcome.failureCount, 3);
    setting.repository.forgetIndex();
    assert.deepEqual(await paths(setting, outcome.tree), ['folder', 'folder/inner', 'listed', 'open']);
  });

  it('needs no right to read the folders above a target', async (t) => {
    if (!canBeNobody(program)) return t.skip('this user cannot become another one, or that one cannot read the checkout');
    const setting = await ArchiveSetting.create(t);
    write(setting, { 'own/file': 'f' });
    chmodSync(setting.source, 0o711);
    chmodSync(join(setting.source, 'own'), 0o755);
    const outcome = asNobody(setting, program, 'source/own');
    assert.deepEqual(outcome.failures, []);
    setting.repository.forgetIndex();
    assert.deepEqual(await paths(setting, outcome.tree), ['own', 'own/file']);
  });
});

/** A user id that owns nothing here. */
const nobody = 65_534;

function canBeNobody(program: string): boolean {
  if (!isRoot) return false;
  return spawnSync(process.execPath, ['--check', program], { uid: nobody, gid: nobody }).status === 0;
}

interface Outcome {
  readonly tree: string;
  readonly failures: string[];
  readonly failureCount: number;
}

function asNobody(setting: ArchiveSetting, program: string, target = 'source'): Outcome {
  chmodSync(setting.folder, 0o755);
  execFileSync('chown', ['-R', `${nobody}:${nobody}`, join(setting.folder, 'repository')]);
  const options = {
    cwd: setting.folder,
    uid: nobody,
    gid: nobody,
    encoding: 'utf8',
    env: { HOME: '/', PATH: process.env['PATH'] },
  } as const;
  return JSON.parse(execFileSync(process.execPath, [program, 'repository', target], options)) as Outcome;
}
