/** The cache as a person meets it. A repository in a folder has one only when the command line says so. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import type { PeerRun } from '../support/peers.ts';
import { jsonOf, makeScene, type Scene } from './scene.ts';

let scene: Scene;
let place: string;

beforeEach(async (t) => {
  scene = await makeScene(t as TestContext);
  place = join(scene.folder, 'caches');
  assert.equal((await scene.holdfast(['backup', 'source'])).code, 0);
});

async function succeed(...args: string[]): Promise<PeerRun> {
  const result = await scene.holdfast(args);
  assert.equal(result.code, 0, `holdfast ${args.join(' ')}: ${result.stderr}`);
  return result;
}

/** Kinds of the files in all caches. */
function cachedKinds(): string[] {
  if (!existsSync(place)) return [];
  const entries = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const kinds = entries.flatMap(({ parentPath }) => /\/(snapshots|index|data)\//u.exec(`${parentPath}/`)?.[1] ?? []);
  return [...new Set(kinds)].sort();
}

describe('the cache of a repository in a folder', () => {
  it('is used when --cache-dir is on the command line, and says what it is', async () => {
    const plain = (await succeed('ls', 'latest')).stdout;
    assert.equal((await succeed('ls', 'latest', '--cache-dir', 'caches')).stdout, plain);
    assert.deepEqual(cachedKinds(), ['data', 'index', 'snapshots']);
    assert.match(readFileSync(join(place, 'CACHEDIR.TAG'), 'utf8'), /^Signature: 8a477f597d28d172789f06886806bc55\n/u);
    assert.equal((await succeed('ls', 'latest', '--cache-dir', 'caches')).stdout, plain);
  });

  it('is not used when a variable names its place, with --no-cache, or in a backup', async () => {
    for (const name of ['HOLDFAST_CACHE_DIR', 'RESTIC_CACHE_DIR']) {
      assert.equal((await scene.holdfast(['ls', 'latest'], { env: { [name]: place } })).code, 0);
    }
    await succeed('ls', 'latest', '--cache-dir', 'caches', '--no-cache');
    assert.match((await succeed('backup', 'source', '--cache-dir', 'caches')).stdout, /5 unmodified/u);
    assert.deepEqual(cachedKinds(), []);
  });

  it('that cannot be made is a warning', async () => {
    writeFileSync(place, 'a file in its place');
    const result = await succeed('snapshots', '--cache-dir', 'caches');
    assert.match(result.stderr, /^warning: there is no cache: /u);
    assert.match(result.stdout, /1 snapshot/u);
  });

  it('of a newer program is left alone', async () => {
    await succeed('ls', 'latest', '--cache-dir', 'caches');
    const [id = ''] = readdirSync(place).filter((name) => name !== 'CACHEDIR.TAG');
    writeFileSync(join(place, id, 'version'), '2');
    assert.match(
      (await succeed('ls', 'latest', '--cache-dir', 'caches')).stderr,
      /warning: there is no cache: .* has a layout that is not known/u,
    );
  });

  it('is not trusted by a check, which uses an empty one and removes it, unless told', async () => {
    await succeed('check', '--cache-dir', 'caches');
    assert.deepEqual(readdirSync(place), ['CACHEDIR.TAG']);
    await succeed('check', '--cache-dir', 'caches', '--with-cache');
    assert.deepEqual(cachedKinds(), ['data', 'index', 'snapshots']);
  });

  it('stays within --cache-size', async () => {
    await succeed('ls', 'latest', '--cache-dir', 'caches', '--cache-size', '1k');
    // Each of the files is larger than a quarter of that.
    assert.deepEqual(cachedKinds(), []);
    const refused = await scene.holdfast(['ls', 'latest', '--cache-size', 'much']);
    assert.match(refused.stderr, /--cache-size cannot be "much"/u);
  });
});

describe('holdfast cache', () => {
  const monthAgo = Date.now() / 1000 - 31 * 86_400;

  it('lists what there is, with age and size', async () => {
    assert.match((await succeed('cache', '--cache-dir', 'caches')).stdout, /^there are no caches in caches$/mu);
    await succeed('ls', 'latest', '--cache-dir', 'caches');
    const [id = ''] = readdirSync(place).filter((name) => name !== 'CACHEDIR.TAG');
    utimesSync(join(place, id), monthAgo, monthAgo);
    const text = (await succeed('cache', '--cache-dir', 'caches')).stdout;
    assert.match(text, new RegExp(`^${id.slice(0, 10)} +31 days ago +yes +\\d+\\.\\d+ KiB$`, 'mu'));
    const [[found]] = [jsonOf((await succeed('cache', '--cache-dir', 'caches', '--json')).stdout)[0]] as unknown as [{ size: number }[]];
    const { size, ...rest } = found as { size: number };
    assert.ok(size > 0);
    assert.deepEqual(rest, { id, path: `caches/${id}`, last_used: new Date(Math.floor(monthAgo * 1000)).toISOString(), old: true });
    assert.doesNotMatch((await succeed('cache', '--cache-dir', 'caches', '--no-size')).stdout, /KiB/u);
  });

  it('removes with --cleanup what was not used for 30 days, and nothing that is no cache', async () => {
    const names = ['a'.repeat(64), 'b'.repeat(64), 'restic-check-cache-123', 'holdfast-check-cache-aB3x', 'compile', 'c'.repeat(63)];
    for (const name of names) {
      mkdirSync(join(place, name, 'data'), { recursive: true });
      if (name !== 'b'.repeat(64)) utimesSync(join(place, name), monthAgo, monthAgo);
    }
    assert.match((await succeed('cache', '--cleanup', '--max-age', '40', '--cache-dir', 'caches')).stdout, /removed 0 old caches of 4/u);
    assert.match((await succeed('cache', '--cleanup', '--cache-dir', 'caches')).stdout, /removed 3 old caches of 4 in caches/u);
    assert.deepEqual(readdirSync(place).sort(), ['b'.repeat(64), 'c'.repeat(63), 'compile']);
  });

  it('names what it removed with --json; --cleanup-cache does the same on the way', async () => {
    mkdirSync(join(place, 'd'.repeat(64)), { recursive: true });
    utimesSync(join(place, 'd'.repeat(64)), monthAgo, monthAgo);
    await succeed('snapshots', '--cache-dir', 'caches');
    assert.equal(existsSync(join(place, 'd'.repeat(64))), true);
    await succeed('snapshots', '--cache-dir', 'caches', '--cleanup-cache');
    assert.equal(existsSync(join(place, 'd'.repeat(64))), false);
    const result = await succeed('cache', '--cleanup', '--max-age', '0', '--json', '--cache-dir', 'caches');
    const [{ message_type, ids } = { message_type: '', ids: [] }] = jsonOf(result.stdout) as unknown as {
      message_type: string;
      ids: string[];
    }[];
    assert.deepEqual([message_type, ids.length], ['caches_removed', 1]);
  });

  it('refuses --no-cache, and a place that is none', async () => {
    assert.match((await scene.holdfast(['cache', '--no-cache'])).stderr, /--no-cache contradicts the command/u);
    const homeless = await scene.holdfast(['cache'], { env: { HOME: '/nonexistent', XDG_CACHE_HOME: '' } });
    assert.match(homeless.stderr, /XDG_CACHE_HOME is not set, and HOME names no folder/u);
    assert.equal(homeless.code, 1);
  });
});
