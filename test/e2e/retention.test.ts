/** forget, tag and list as a person runs them. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Repository } from '../../src/repository/repository.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { runHoldfast } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requireOrdinaryUser } from '../support/ordinary-user.ts';
import { requirePeer, runRestic } from '../support/peers.ts';
import { plantSnapshots, type SnapshotSketch } from '../support/planted-snapshots.ts';
import { jsonOf, makeScene, type Scene } from './scene.ts';

const days = ['01', '02', '03', '04'].map((day) => `2026-01-${day}T10:00:00Z`);

/** A scene with snapshots that nobody made; their ids in the order of the sketches. */
async function sceneWith(t: TestContext, sketches: readonly SnapshotSketch[]): Promise<{ scene: Scene; ids: readonly string[] }> {
  const scene = await makeScene(t);
  await using repository = await Repository.open(new LocalBackend({ path: scene.repository }), { password: testPassword });
  return { scene, ids: await plantSnapshots(repository, sketches) };
}

const fourDays = days.map((time) => ({ time }));

function idsOf(scene: Scene): string[] {
  return readdirSync(join(scene.repository, 'snapshots')).sort();
}

async function succeed(scene: Scene, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await scene.holdfast(args);
  assert.equal(code, 0, `holdfast ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Fails with this exit code and message, and removes nothing. */
async function refuses(scene: Scene, args: readonly string[], message: RegExp, code = 1): Promise<void> {
  const before = idsOf(scene);
  const result = await scene.holdfast(args);
  assert.equal(result.code, code, result.stdout + result.stderr);
  assert.match(result.stderr, message);
  assert.match(result.stderr, /^hint: /m);
  assert.deepEqual(idsOf(scene), before);
}

function sorted(...ids: readonly (string | undefined)[]): string[] {
  return ids.map(String).sort();
}

const short = (id: string | undefined) => (id ?? '').slice(0, 8);

describe('holdfast forget', () => {
  it('removes what no rule keeps, and shows of each snapshot that stays why', async (t) => {
    const { scene, ids } = await sceneWith(t, fourDays);
    const output = await succeed(scene, 'forget', '--keep-last', '1', '--keep-within', '1d12h');
    assert.match(output, /^rules: 1 last, within 1d12h$/m);
    assert.match(output, /^snapshots for \(host \[host\], paths \[\/data\]\):$/m);
    assert.match(output, new RegExp(`^keep 2 snapshots:\n(?:.*\n){2}${short(ids[2])} .* within 1d12h +/data$`, 'm'));
    assert.match(output, new RegExp(`^${short(ids[3])} .* within 1d12h +/data\n +last snapshot$`, 'm'));
    assert.match(output, new RegExp(`^remove 2 snapshots:\n(?:.*\n){2}${short(ids[0])} .*\n${short(ids[1])} `, 'm'));
    assert.match(output, /^removed 2 snapshots$/m);
    assert.deepEqual(idsOf(scene), sorted(ids[2], ids[3]));
  });

  it('removes nothing on a dry run, and takes no lock with --no-lock', async (t) => {
    const { scene } = await sceneWith(t, fourDays);
    assert.match(await succeed(scene, 'forget', '--keep-last', '1', '--dry-run', '--no-lock'), /^3 snapshots would be removed$/m);
    assert.equal(idsOf(scene).length, 4);
    await refuses(scene, ['forget', '--keep-last', '1', '--no-lock'], /cannot be removed without a lock/);
  });

  it('goes by groups, filters and compact tables', async (t) => {
    const { scene, ids } = await sceneWith(t, [
      { time: days[0] ?? '', hostname: 'a', tags: ['x'] },
      { time: days[1] ?? '', hostname: 'a' },
      { time: days[2] ?? '', hostname: 'b', paths: ['/other'] },
    ]);
    const kept = async (...args: string[]) =>
      (await succeed(scene, 'forget', '-n', '-c', '-l1', ...args)).match(/^[0-9a-f]{8}(?=.*last snapshot)/gm) ?? [];
    assert.deepEqual(await kept(), [ids[1], ids[2]].map(short));
    assert.deepEqual(await kept('--group-by', 'tags'), [ids[0], ids[2]].map(short));
    assert.deepEqual(await kept('--group-by', ''), [ids[2]].map(short));
    assert.deepEqual(await kept('--host', 'a'), [ids[1]].map(short));
    assert.deepEqual(await kept('--tag', 'x'), [ids[0]].map(short));
    assert.deepEqual(await kept('--path', '/other'), [ids[2]].map(short));
    assert.doesNotMatch(await succeed(scene, 'forget', '-n', '--compact', '-l1', '--group-by', 'host'), /\/data/);
  });

  it('removes the snapshots that are named', async (t) => {
    const { scene, ids } = await sceneWith(t, fourDays);
    assert.match(await succeed(scene, 'forget', ids[1] ?? '', 'latest'), /^removed 2 snapshots$/m);
    assert.deepEqual(idsOf(scene), sorted(ids[0], ids[2]));
    const groups = JSON.parse(await succeed(scene, 'forget', ids[0] ?? '', '--json')) as { remove: { id: string }[] }[];
    assert.deepEqual(
      groups[0]?.remove.map(({ id }) => id),
      [ids[0]],
    );
  });

  it('is refused before anything is removed when the order is not clear', async (t) => {
    const { scene, ids } = await sceneWith(t, [...fourDays, { time: days[0] ?? '', hostname: 'other' }]);
    await refuses(scene, ['forget'], /no rule says what to keep/);
    await refuses(scene, ['forget', '--keep-last', '0', '--prune'], /no rule says what to keep/);
    await refuses(
      scene,
      ['forget', '--keep-tag', 'x', '--host', 'other'],
      /every snapshot of host "other", paths \["\/data"\], so nothing/,
    );
    await refuses(scene, ['forget', '--unsafe-allow-remove-all'], /neither rules nor filters/);
    await refuses(scene, ['forget', '--keep-last', '1', ids[0] ?? ''], /are named, and rules say/);
    await refuses(scene, ['forget', '--host', 'other', ids[0] ?? ''], /are named, and --host chooses/);
    await refuses(scene, ['forget', ids[0] ?? '', 'ffffffff'], /no snapshot has an id that begins with "ffffffff"; nothing was changed/);
    await refuses(scene, ['forget', `${ids[0]}:/data`], /names a folder/);
    await refuses(scene, ['forget', '--keep-daily', 'many'], /--keep-daily cannot be "many"/);
    await refuses(scene, ['forget', '--keep-within', '7'], /--keep-within cannot be "7"/);
    await refuses(scene, ['forget', '--keep-last', '1', '--group-by', 'colour'], /--group-by cannot contain "colour"/);
    await refuses(scene, ['forget', '--keep-last', '1', '--max-unused', 'x'], /--max-unused cannot be "x"/);
  });

  it('removes all of a group when that is said explicitly', async (t) => {
    const { scene } = await sceneWith(t, [...fourDays, { time: days[0] ?? '', hostname: 'other' }]);
    await succeed(scene, 'forget', '--unsafe-allow-remove-all', '--host', 'other');
    assert.equal(idsOf(scene).length, 4);
    await succeed(scene, 'forget', '--unsafe-allow-remove-all', '--keep-tag', 'x');
    assert.equal(idsOf(scene).length, 0);
    assert.equal(await succeed(scene, 'forget', '--keep-last', '1', '--json'), '[]\n');
  });

  it('takes unlimited, and -1 for it, as a count', async (t) => {
    const { scene } = await sceneWith(t, fourDays);
    for (const count of ['unlimited', '-1']) {
      assert.match(await succeed(scene, 'forget', '--keep-daily', count), /^rules: all daily$/m);
      assert.equal(idsOf(scene).length, 4);
    }
  });

  it('prunes what only the removed snapshots used, and restic finds no fault', async (t) => {
    const scene = await makeScene(t);
    await succeed(scene, 'backup', 'source', '--time', '2026-01-01 10:00:00');
    writeFileSync(join(scene.source, 'folder/deep/blob.bin'), Buffer.alloc(4000, 8));
    await succeed(scene, 'backup', 'source', '--time', '2026-01-02 10:00:00');
    const sizeOf = async () => Number(jsonOf(await succeed(scene, 'stats', '--mode', 'raw-data', '--json'))[0]?.['total_size']);
    const packs = async () => (await succeed(scene, 'list', 'packs')).split('\n').length;
    const [packsBefore, dry] = [await packs(), await succeed(scene, 'forget', '-l1', '--prune', '--dry-run', '--max-unused', '0')];
    assert.match(dry, /^1 snapshot would be removed$/m);
    assert.match(dry, /^total prune: +[1-9]/m);
    assert.equal(await packs(), packsBefore);
    await succeed(scene, 'forget', '-l1', '--prune', '--max-unused', '0');
    const size = await sizeOf();
    assert.ok(size > 0);
    assert.doesNotMatch(await succeed(scene, 'prune', '--dry-run', '--max-unused', '0'), /^total prune: +[1-9]/m);
    assert.match(await succeed(scene, 'check', '--read-data'), /no errors were found/);
    const restic = requirePeer(t, 'newest restic');
    if (restic === undefined) return;
    const checked = await runRestic(restic.path, scene.repository, testPassword, ['check', '--read-data', '--no-cache']);
    assert.match(checked.stdout, /no errors were found/);
  });

  it('waits for nobody: a lock of another is named, and nothing is removed', async (t) => {
    const { scene } = await sceneWith(t, fourDays);
    await using repository = await Repository.open(new LocalBackend({ path: scene.repository }), { password: testPassword });
    await using _lock = await repository.lock({ isExclusive: false });
    await refuses(scene, ['forget', '--keep-last', '1'], new RegExp(`in use by .*process ${process.pid}`), 11);
    // What changes nothing may go on beside a backup.
    await succeed(scene, 'forget', '--keep-last', '1', '--dry-run');
  });

  it('removes nothing by rules while a snapshot is damaged, and the damaged one when it is named', async (t) => {
    const { scene, ids } = await sceneWith(t, fourDays);
    truncateSync(join(scene.repository, 'snapshots', ids[1] ?? ''), 100);
    await refuses(scene, ['forget', '--keep-last', '1'], new RegExp(`snapshot ${ids[1]} is damaged: .*; nothing was changed`));
    await refuses(scene, ['forget', 'latest'], /is damaged/);
    const { stderr, code } = await scene.holdfast(['forget', short(ids[1])]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^warning: .* is damaged: .*it goes all the same$/m);
    assert.deepEqual(idsOf(scene), sorted(ids[0], ids[2], ids[3]));
  });

  it('ends with 3 when a snapshot cannot be removed, and names each', async (t) => {
    const user = requireOrdinaryUser(t);
    if (user === undefined) return;
    const { scene } = await sceneWith(t, fourDays);
    const folder = join(scene.repository, 'snapshots');
    user.own(scene.folder);
    chmodSync(folder, 0o500);
    const { code, stderr } = await runHoldfast(scene.repository, ['forget', '--keep-last', '2', '--prune'], {
      prefix: user.prefix,
      cwd: '/',
    });
    chmodSync(folder, 0o700);
    assert.equal(code, 3, stderr);
    assert.equal(stderr.match(/snapshot [0-9a-f]{8} could not be removed: .*EACCES/g)?.length, 2);
    assert.match(stderr, /"message":"2 snapshots could not be removed"/);
    assert.equal(idsOf(scene).length, 4);
  });
});

describe('holdfast tag', () => {
  const tagsOf = async (scene: Scene) =>
    (jsonOf(await succeed(scene, 'snapshots', '--json'))[0] as unknown as { tags?: string[] }[]).map(({ tags }) => tags ?? []);

  it('adds, removes and sets tags, and says how many it changed', async (t) => {
    const { scene } = await sceneWith(t, [
      { time: days[0] ?? '', tags: ['a'] },
      { time: days[1] ?? '', hostname: 'b' },
    ]);
    assert.match(await succeed(scene, 'tag', '--add', 'x,y', '--add', 'a'), /^changed 2 snapshots$/m);
    assert.deepEqual(await tagsOf(scene), [
      ['a', 'x', 'y'],
      ['x', 'y', 'a'],
    ]);
    assert.match(await succeed(scene, 'tag', '--remove', 'x', '--host', 'b'), /^changed 1 snapshot$/m);
    assert.match(await succeed(scene, 'tag', '--remove', 'nothing'), /^no snapshot was changed$/m);
    assert.match(await succeed(scene, 'tag', '--set', 'only', 'latest'), /^changed 1 snapshot$/m);
    assert.deepEqual(await tagsOf(scene), [['a', 'x', 'y'], ['only']]);
    await succeed(scene, 'tag', '--set', '', '--tag', 'only');
    assert.deepEqual(await tagsOf(scene), [['a', 'x', 'y'], []]);
  });

  it('names the old and the new ids in JSON', async (t) => {
    const { scene, ids } = await sceneWith(t, fourDays.slice(0, 1));
    const [changed, summary] = jsonOf(await succeed(scene, 'tag', '--add', 'x', '--json'));
    assert.deepEqual(changed, { message_type: 'changed', old_snapshot_id: ids[0], new_snapshot_id: idsOf(scene)[0] });
    assert.deepEqual(summary, { message_type: 'summary', changed_snapshots: 1 });
  });

  it('changes nothing when the order is not clear', async (t) => {
    const { scene, ids } = await sceneWith(t, fourDays);
    await refuses(scene, ['tag'], /no tags to change/);
    await refuses(scene, ['tag', '--set', 'a', '--add', 'b'], /--set contradicts/);
    await refuses(scene, ['tag', '--add', 'x', ids[0] ?? '', 'ffffffff'], /nothing was changed/);
    truncateSync(join(scene.repository, 'snapshots', ids[1] ?? ''), 100);
    await refuses(scene, ['tag', '--add', 'x', ids[1] ?? ''], /is damaged/);
  });

  it('writes the snapshot as restic does, byte for byte', async (t) => {
    const restic = requirePeer(t, 'newest restic');
    if (restic === undefined) return;
    const sketch = { time: '2026-03-29T02:30:00.000000001+05:30', tags: ['a', 'ä<&>', 'c'], paths: ['/b', '/a'], excludes: ['*'] };
    const change = ['tag', '--add', 'd,a', '--remove', 'a'];
    const stored = async (tagIt: (scene: Scene) => Promise<unknown>): Promise<string> => {
      const { scene, ids } = await sceneWith(t, [sketch]);
      await tagIt(scene);
      await using repository = await Repository.open(new LocalBackend({ path: scene.repository }), { password: testPassword });
      const [id] = idsOf(scene);
      const json = (await repository.files.load('snapshot', id as never)).toString();
      return json.replace(ids[0] ?? '', 'the first');
    };
    const theirs: string = await stored((scene) => runRestic(restic.path, scene.repository, testPassword, [...change, '--no-cache']));
    assert.match(theirs, /"original":"the first"/);
    assert.equal(await stored((scene) => succeed(scene, ...change)), theirs);
  });
});

describe('holdfast list', () => {
  it('prints the ids of every kind as restic does', async (t) => {
    const scene = await makeScene(t);
    await succeed(scene, 'backup', 'source');
    const restic = requirePeer(t, 'newest restic');
    if (restic === undefined) return;
    for (const kind of ['blobs', 'packs', 'index', 'snapshots', 'keys']) {
      const ours = (await succeed(scene, 'list', kind)).trim().split('\n').sort();
      const { stdout } = await runRestic(restic.path, scene.repository, testPassword, ['list', kind, '--no-cache', '--no-lock']);
      assert.deepEqual(ours, stdout.trim().split('\n').sort(), kind);
      const objects = jsonOf(await succeed(scene, 'list', kind, '--json')).map(({ type, id }) =>
        kind === 'blobs' ? `${String(type)} ${String(id)}` : String(id),
      );
      assert.deepEqual(sorted(...objects), ours);
    }
  });

  it('shows the locks of others without taking one', async (t) => {
    const { scene } = await sceneWith(t, []);
    await using repository = await Repository.open(new LocalBackend({ path: scene.repository }), { password: testPassword });
    await using lock = await repository.lock({ isExclusive: true });
    assert.equal(await succeed(scene, 'list', 'locks'), `${lock.id}\n`);
    await refuses(scene, ['list', 'index'], /locked/, 11);
  });

  it('refuses what it does not know, and names a damaged index', async (t) => {
    const scene = await makeScene(t);
    await refuses(scene, ['list', 'colours'], /no objects of the kind "colours"/);
    await refuses(scene, ['list'], /0 arguments/);
    await succeed(scene, 'backup', 'source');
    const [index] = readdirSync(join(scene.repository, 'index'));
    const path = join(scene.repository, 'index', index ?? '');
    chmodSync(path, 0o600);
    writeFileSync(path, readFileSync(path).subarray(1));
    await refuses(scene, ['list', 'blobs'], new RegExp(`index ${index} is damaged`));
  });
});
