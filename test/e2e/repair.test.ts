/** repair packs, repair snapshots, recover and rewrite as a person uses them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { hostname } from 'node:os';
import type { PeerRun } from '../support/peers.ts';
import { jsonOf, makeScene, type Scene } from './scene.ts';

async function backedUp(t: TestContext): Promise<Scene> {
  const scene = await makeScene(t);
  await run(scene, ['backup', 'source']);
  return scene;
}

async function run(scene: Scene, args: readonly string[]): Promise<PeerRun> {
  const result = await scene.holdfast(args);
  assert.equal(result.code, 0, `holdfast ${args.join(' ')}: ${result.stderr}`);
  return result;
}

function filesOf({ repository }: Scene): string[] {
  return readdirSync(repository, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(repository, name)).isFile())
    .sort();
}

/** The pack whose first bytes are a data blob: the larger one here. */
function dataPack(scene: Scene): string {
  const packs = filesOf(scene).filter((name) => name.startsWith('data/'));
  const paths = packs.map((name) => join(scene.repository, name));
  return paths.toSorted((a, b) => readFileSync(a).length - readFileSync(b).length)[0] ?? assert.fail('there is no pack');
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  rmSync(path);
  writeFileSync(path, bytes);
}

describe('repair', () => {
  it('saves what is whole, lists what is lost, and takes it out of the snapshots', async (t) => {
    const scene = await backedUp(t);
    const path = dataPack(scene);
    flip(path, 20);
    const id = path.slice(-64);
    const checked = await scene.holdfast(['check', '--read-data']);
    assert.deepEqual([checked.code, /`repair packs`/u.test(checked.stderr)], [1, true], checked.stderr);
    const before = filesOf(scene);
    const dry = await run(scene, ['repair', 'packs', id.slice(0, 12), '--dry-run']);
    assert.match(dry.stdout, /\d of \d blobs can be saved, 1 lost/u);
    assert.deepEqual(filesOf(scene), before);
    const packs = await run(scene, ['repair', 'packs', id.slice(0, 12)]);
    assert.match(packs.stdout, new RegExp(`^pack ${id}: \\d of \\d blobs saved, 1 lost$`, 'mu'));
    assert.match(packs.stdout, /^ {2}\/source\/.*: all of its content is lost, \d+/mu);
    assert.ok(statSync(join(scene.folder, `pack-${id}`)).isFile());
    const again = await scene.holdfast(['check']);
    assert.match(again.stderr, /`repair snapshots` takes out what stays lost/u);
    const repaired = await run(scene, ['repair', 'snapshots', '--forget']);
    assert.match(repaired.stdout, /^snapshot [0-9a-f]{8} was repaired as [0-9a-f]{8}, and removed$/mu);
    assert.match((await run(scene, ['check', '--read-data'])).stdout, /no errors were found/u);
  });

  it('brings lost content back by a new backup, and then has nothing to repair', async (t) => {
    const scene = await backedUp(t);
    const path = dataPack(scene);
    rmSync(path);
    await run(scene, ['repair', 'packs', path.slice(-64)]);
    await run(scene, ['backup', '--force', 'source']);
    assert.match((await run(scene, ['repair', 'snapshots'])).stdout, /^2 snapshots are whole, repaired 0$/mu);
    assert.match((await run(scene, ['check', '--read-data'])).stdout, /no errors were found/u);
  });

  it('writes nothing on a dry run', async (t) => {
    const scene = await backedUp(t);
    const path = dataPack(scene);
    rmSync(path);
    await run(scene, ['repair', 'index']);
    const before = filesOf(scene);
    const dry = await run(scene, ['repair', 'snapshots', '--forget', '--dry-run', '--json']);
    const lines = jsonOf(dry.stdout);
    assert.deepEqual(filesOf(scene), before);
    assert.ok(lines.some((line) => line['message_type'] === 'loss' && line['kind'] === 'file-content'));
    assert.deepEqual([lines.at(-1)?.['dry_run'], lines.at(-1)?.['snapshots_repaired']], [true, 1]);
  });

  it('removes a damaged snapshot file only when it is named and --forget is given; recover finds what it had', async (t) => {
    const scene = await backedUp(t);
    const [name = ''] = readdirSync(join(scene.repository, 'snapshots'));
    flip(join(scene.repository, 'snapshots', name), 40);
    for (const args of [['--forget'], [name.slice(0, 8)]]) {
      const refused = await scene.holdfast(['repair', 'snapshots', ...args]);
      assert.deepEqual([refused.code, readdirSync(join(scene.repository, 'snapshots'))], [1, [name]]);
      assert.match(refused.stderr, /name this snapshot and add --forget/u);
    }
    const recovered = await run(scene, ['recover']);
    assert.match(recovered.stdout, /^saved snapshot [0-9a-f]{8}$/mu);
    await run(scene, ['repair', 'snapshots', '--forget', name.slice(0, 8)]);
    assert.ok(!readdirSync(join(scene.repository, 'snapshots')).includes(name));
    assert.match((await run(scene, ['ls', 'latest'])).stdout, /^\/[0-9a-f]{8}\/source\/file\.txt$/mu);
    assert.match((await run(scene, ['check', '--read-data'])).stdout, /no errors were found/u);
  });

  it('refuses arguments that mean nothing, and changes nothing', async (t) => {
    const scene = await backedUp(t);
    const before = filesOf(scene);
    const bad: readonly [readonly string[], RegExp][] = [
      [['repair', 'packs'], /no pack is named/u],
      [['repair', 'packs', 'zz'], /zz/u],
      [['repair', 'packs', 'ab'.repeat(32)], /neither the index nor the storage knows it/u],
      [['repair', 'snapshots', 'ffffffff'], /ffffffff/u],
      [['recover', 'something'], /takes no arguments/u],
      [['rewrite'], /nothing is to be rewritten/u],
      [['rewrite', '--exclude', 'a', '--include', 'b'], /contradict/u],
      [['rewrite', '--exclude', '['], /malformed pattern/u],
      [['rewrite', '--new-time', 'yesterday'], /--new-time/u],
      [['rewrite', '--exclude-file', 'missing'], /--exclude-file/u],
    ];
    for (const [args, message] of bad) {
      const { code, stderr } = await scene.holdfast(args);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, message);
    }
    assert.deepEqual(filesOf(scene), before);
  });
});

describe('rewrite', () => {
  it('leaves a file out of all snapshots, and says so before it does', async (t) => {
    const scene = await backedUp(t);
    const dry = await run(scene, ['rewrite', '--exclude', '*.bin', '--forget', '--dry-run', '-vv']);
    assert.match(dry.stdout, /^excluded {2}\/source\/folder\/deep\/blob\.bin \(2\.930 KiB\)$/mu);
    assert.match(dry.stdout, /would be rewritten, and the old one removed/u);
    assert.match((await run(scene, ['ls', 'latest'])).stdout, /blob\.bin/u);
    await run(scene, ['rewrite', '--exclude', '*.bin', '--forget']);
    assert.doesNotMatch((await run(scene, ['ls', 'latest'])).stdout, /blob\.bin/u);
    assert.match((await run(scene, ['check', '--read-data'])).stdout, /no errors were found/u);
  });

  it('gives a snapshot another host and time, and keeps the old one with its own', async (t) => {
    const scene = await backedUp(t);
    const lines = jsonOf((await run(scene, ['rewrite', '--new-host', 'elsewhere', '--new-time', '2020-02-03 04:05:06', '--json'])).stdout);
    assert.deepEqual([lines.at(-1)?.['snapshots_rewritten'], lines[0]?.['message_type']], [1, 'snapshot_rewritten']);
    const snapshots = JSON.parse((await run(scene, ['snapshots', '--json'])).stdout) as Record<string, unknown>[];
    assert.deepEqual(
      snapshots.map(({ hostname: host, tags, original }) => [host, tags, original]),
      [
        ['elsewhere', ['rewrite'], snapshots[1]?.['id']],
        [hostname(), undefined, undefined],
      ],
    );
  });
});
