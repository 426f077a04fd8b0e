import assert from 'node:assert/strict';
import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Repository } from '../../src/repository/repository.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { localRepository, testPassword } from '../support/new-repository.ts';
import type { PeerRun, RunOptions } from '../support/peers.ts';
import { fileContent, jsonOf, makeScene, type Scene } from './scene.ts';

const cleanups: (() => void)[] = [];
let scene: Scene;
let count = 0;

before(async () => {
  scene = await makeScene({ after: (work) => cleanups.push(work) });
  writeFileSync(join(scene.folder, 'password'), `${testPassword}\n`);
  for (const host of ['alpha', 'beta']) {
    writeFileSync(join(scene.source, 'file.txt'), `${fileContent}${host}`);
    assert.equal((await scene.holdfast(['backup', 'source', '--host', host])).code, 0);
  }
});

after(() => {
  for (const work of cleanups) work();
});

/** The name of an empty repository beside that of the scene, with the same password. */
async function emptyRepository(): Promise<string> {
  const name = `second-${count++}`;
  await (await localRepository(join(scene.folder, name))).close();
  return name;
}

const fromFile = ['--from-repo', 'repository', '--from-password-file', 'password'];

async function copy(to: string, args: readonly string[], options: RunOptions = {}): Promise<PeerRun> {
  return await scene.holdfast(['copy', '--repo', to, ...args], options);
}

async function succeed(to: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await copy(to, args, options);
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

describe('holdfast copy', () => {
  it('says which snapshots it would copy, copies them, and says how much that was', async () => {
    const to = await emptyRepository();
    const planned = await succeed(to, [...fromFile, '--dry-run']);
    assert.match(planned, /^would copy snapshot [0-9a-f]{8} of \[.*source\] at .* by .*@alpha\n/u);
    assert.match(planned, /would copy 2 snapshots: \d+ blobs, .* as they are stored in the source\n$/u);
    assert.deepEqual(readdirSync(join(scene.folder, to, 'snapshots')), []);
    const done = await succeed(to, [...fromFile, '--verify']);
    assert.match(done, /^snapshot [0-9a-f]{8} saved, copied from snapshot [0-9a-f]{8} of \[.*source\] at .* by .*@alpha\n/u);
    assert.match(done, /\ncopied 2 snapshots: \d+ blobs, .* in 2 packs, in 0:\d\d\nread 2 packs back: all bytes are right\n$/u);
    assert.match(await succeed(to, [...fromFile, '-v']), /was copied already.*\ncopied 0 snapshots \(2 were there already\)/su);
  });

  it('tells programs of each snapshot, and counts at the end', async () => {
    const to = await emptyRepository();
    await succeed(to, [...fromFile, '--host', 'alpha']);
    const lines = jsonOf(await succeed(to, [...fromFile, '--json'])).filter((line) => line['message_type'] !== 'status');
    assert.deepEqual(
      lines.map((line) => line['message_type']),
      ['snapshot_skipped', 'snapshot_copied', 'summary'],
    );
    const { total_duration, bytes_read, bytes_written, ...counts } = lines.at(-1) ?? {};
    assert.ok([total_duration, bytes_read, bytes_written].every((figure) => Number(figure) > 0));
    assert.deepEqual(counts, {
      message_type: 'summary',
      snapshots_copied: 1,
      snapshots_skipped: 1,
      snapshots_failed: 0,
      // The changed file, and the trees from it to the root.
      blobs_copied: Number(counts['blobs_copied']),
      packs_written: 2,
      packs_verified: 0,
    });
    const copies = jsonOf((await scene.holdfast(['snapshots', '--json', '--repo', to])).stdout)[0] as unknown as {
      id: string;
      original: string;
    }[];
    assert.deepEqual(
      new Map(copies.map(({ id, original }) => [original, id])),
      new Map(lines.slice(0, 2).map((line) => [String(line['source_id']), String(line['id'])])),
    );
  });

  it('takes the password of the source from a file, a command, a variable of either program, or standard input before the other', async () => {
    const ways: readonly (readonly [readonly string[], RunOptions])[] = [
      [fromFile, {}],
      [['--from-repo', 'repository', '--from-password-command', 'cat password'], {}],
      [[], { env: { HOLDFAST_FROM_REPOSITORY: 'repository', HOLDFAST_FROM_PASSWORD: testPassword } }],
      [[], { env: { RESTIC_FROM_REPOSITORY: 'repository', RESTIC_FROM_PASSWORD_FILE: 'password', RESTIC_FROM_KEY_HINT: 'ffff' } }],
      [['--from-repo', 'repository'], { input: `${testPassword}\n` }],
      [['--from-repo', 'repository'], { env: { HOLDFAST_PASSWORD: '' }, input: `${testPassword}\n${testPassword}\n` }],
    ];
    const to = await emptyRepository();
    for (const [args, options] of ways) assert.match(await succeed(to, ['--dry-run', ...args], options), /would copy 2 snapshots/u);
  });

  it('never takes the password of one repository for the other', async () => {
    const to = await emptyRepository();
    const wrong = await copy(to, ['--from-repo', 'repository', '--from-password-command', 'echo wrong']);
    assert.equal(wrong.code, 12);
    assert.match(wrong.stderr, /the source repository cannot be opened: no key of the repository opens with that password/u);
    const none = await copy(to, ['--from-repo', 'repository']);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no password was given/u);
    const missing = await copy('nowhere', fromFile);
    assert.equal(missing.code, 10);
    assert.match(missing.stderr, /no repository at .*nowhere/u);
  });

  it('waits for nobody: a lock in its way on either side ends it with the code of a locked repository, and both locks are gone afterwards', async () => {
    const to = await emptyRepository();
    for (const locked of ['repository', to]) {
      await using repository = await openHere(locked);
      await using _lock = await repository.lock({ isExclusive: true });
      const result = await copy(to, fromFile);
      assert.equal(result.code, 11);
      assert.match(result.stderr, /locked/u);
    }
    await succeed(to, fromFile);
    for (const name of ['repository', to]) assert.deepEqual(readdirSync(join(scene.folder, name, 'locks')), []);
  });

  it('leaves a source alone that is locked or cannot be written, with --no-lock', async () => {
    const to = await emptyRepository();
    await using repository = await openHere('repository');
    await using _lock = await repository.lock({ isExclusive: true });
    assert.match(await succeed(to, [...fromFile, '--no-lock']), /copied 2 snapshots/u);
  });

  it('fails when something of the source is lost, and names the file', async () => {
    const to = await emptyRepository();
    const from = await emptyRepository();
    assert.equal((await scene.holdfast(['backup', 'source', '--repo', from])).code, 0);
    const index = JSON.parse((await scene.holdfast(['cat', 'index', await onlyIndex(from), '--repo', from])).stdout) as IndexJson;
    const data = index.packs.find(({ blobs }) => blobs[0]?.type === 'data')?.id ?? assert.fail();
    const pack = join(scene.folder, from, 'data', data.slice(0, 2), data);
    chmodSync(pack, 0o600);
    rmSync(pack);
    const result = await copy(to, ['--from-repo', from, '--from-password-file', 'password', '--json']);
    assert.equal(result.code, 1);
    const lines = [...jsonOf(result.stdout), ...jsonOf(result.stderr)];
    assert.deepEqual(lines.find((line) => line['message_type'] === 'summary')?.['snapshots_failed'], 1);
    const error = lines.findLast((line) => line['message_type'] === 'error');
    assert.match(JSON.stringify(error), /was not copied, because \/\S+ is not whole: blob [0-9a-f]{64}/u);
    assert.equal(lines.at(-1)?.['error_code'], 'damaged');
    assert.deepEqual(readdirSync(join(scene.folder, to, 'snapshots')), []);
  });
});

interface IndexJson {
  readonly packs: readonly { readonly id: string; readonly blobs: readonly { readonly type: string }[] }[];
}

async function onlyIndex(name: string): Promise<string> {
  const [id, ...others] = readdirSync(join(scene.folder, name, 'index'));
  assert.ok(id !== undefined && others.length === 0);
  return id;
}

async function openHere(name: string): Promise<Repository> {
  return await Repository.open(new LocalBackend({ path: join(scene.folder, name) }), { password: testPassword });
}
