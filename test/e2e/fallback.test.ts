/** A backup whose repository cannot be reached goes to another one, and is copied over later. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { holdfast, type HoldfastRun, messageOf, runHoldfast, snapshotOf } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer } from '../support/peers.ts';
import { RestServer } from '../support/rest-server.ts';

interface Scene {
  readonly folder: string;
  readonly first: string;
  readonly second: string;
  readonly backup: (args?: readonly string[], env?: Readonly<Record<string, string>>) => Promise<HoldfastRun>;
  /** Where the server keeps the first repository. */
  readonly served: string;
  readonly stop: () => Promise<void>;
  readonly startAgain: () => Promise<void>;
}

const soon = ['--retry-time', '1ms'];

/** Two repositories, the first on a server. Undefined, and the test skipped, where there is none. */
async function makeScene(t: TestContext): Promise<Scene | undefined> {
  const peer = requirePeer(t, 'rest-server');
  if (peer === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-fallback-'));
  mkdirSync(join(folder, 'source'));
  writeFileSync(join(folder, 'source', 'file'), 'one');
  let server = await RestServer.start({ binary: peer.path });
  const { port, folder: served } = server;
  t.after(async () => {
    await server.kill();
    rmSync(served, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  });
  const first = server.location('/');
  const second = join(folder, 'second');
  await holdfast(first, ['init']);
  await holdfast(second, ['init', '--from-repo', first, '--copy-chunker-params'], { env: { HOLDFAST_FROM_PASSWORD: testPassword } });
  const state = { XDG_STATE_HOME: join(folder, 'state') };
  return {
    folder,
    first,
    second,
    backup: (args = [], env = {}) =>
      runHoldfast(
        first,
        ['backup', ...soon, '--fallback-repo', second, ...args, ...(args.includes('--') ? [] : [join(folder, 'source')])],
        { env: { ...state, ...env } },
      ),
    served,
    stop: () => server.kill(),
    startAgain: async () => {
      server = await RestServer.start({ binary: peer.path, folder: served, port });
    },
  };
}

async function untilPack(served: string): Promise<void> {
  const isPack = (name: string | Buffer): boolean => /[0-9a-f]{64}$/.test(String(name));
  while (!existsSync(join(served, 'data')) || !readdirSync(join(served, 'data'), { recursive: true }).some(isPack)) await delay(5);
}

async function snapshotsIn(location: string): Promise<readonly { readonly id: string; readonly original?: string }[]> {
  return JSON.parse((await holdfast(location, ['snapshots'])).stdout) as { id: string; original?: string }[];
}

describe('backup --fallback-repo', { concurrency: 3 }, () => {
  it('uses the first repository as long as it can be reached', async (t) => {
    const scene = await makeScene(t);
    if (scene === undefined) return;
    const made = await scene.backup();
    assert.equal(made.code, 0, made.stderr);
    assert.deepEqual(messageOf(made.lines, 'summary')['place'], { repository: 'first', location: scene.first });
    assert.equal((await snapshotsIn(scene.second)).length, 0);
  });

  it('goes to the other one when it cannot, with an exit code of its own, and the next backup copies it over', async (t) => {
    const scene = await makeScene(t);
    if (scene === undefined) return;
    await scene.stop();
    const away = await scene.backup();
    assert.equal(away.code, 4, away.stderr);
    const place = messageOf(away.lines, 'summary')['place'] as Record<string, string>;
    assert.deepEqual([place['repository'], place['location']], ['fallback', scene.second]);
    assert.match(String(place['reason']), /nobody listens there/);
    assert.equal(messageOf(away.lines, 'exit_error')['error_code'], 'fallback-pending');
    assert.match(away.stderr, /the backup goes to the fallback repository/);
    const [owed] = await snapshotsIn(scene.second);
    assert.equal(owed?.id, snapshotOf(away));
    await scene.startAgain();
    const back = await scene.backup();
    assert.equal(back.code, 0, back.stderr);
    assert.equal(messageOf(back.lines, 'fallback_copied')['snapshots_copied'], 1);
    const there = await snapshotsIn(scene.first);
    assert.equal(there.length, 2);
    assert.ok(there.some(({ original }) => original === owed.id));
    await holdfast(scene.first, ['check', '--read-data']);
    const again = await scene.backup();
    assert.equal(again.code, 0);
    assert.equal(
      again.lines.some((line) => line['message_type'] === 'fallback_copied'),
      false,
    );
  });

  it('remembers what is owed until it is copied, and says so at each backup', async (t) => {
    const scene = await makeScene(t);
    if (scene === undefined) return;
    await scene.stop();
    await scene.backup();
    await scene.startAgain();
    const wrong = await scene.backup([], { HOLDFAST_FALLBACK_PASSWORD: 'wrong' });
    assert.equal(wrong.code, 4);
    assert.match(wrong.stderr, /the backup is saved, but 1 snapshot in the fallback repository .* could not be copied over: no key/);
    assert.equal((await snapshotsIn(scene.first)).length, 1);
    assert.equal((await scene.backup()).code, 0);
    assert.equal((await snapshotsIn(scene.first)).length, 3);
  });

  it('knows what was copied over by hand, and what is no longer there to be copied', async (t) => {
    const scene = await makeScene(t);
    if (scene === undefined) return;
    await scene.stop();
    const [one, two] = [await scene.backup(), await scene.backup()];
    assert.deepEqual([one.code, two.code], [4, 4]);
    await scene.startAgain();
    const env = { HOLDFAST_FROM_PASSWORD: testPassword };
    await holdfast(scene.first, ['copy', '--from-repo', scene.second, snapshotOf(one)], { env });
    await holdfast(scene.second, ['forget', snapshotOf(two)]);
    const back = await scene.backup();
    assert.equal(back.code, 0, back.stderr);
    assert.equal(messageOf(back.lines, 'fallback_copied')['snapshots_skipped'], 1);
    assert.match(back.stderr, /was to be copied over, and is no longer in the fallback repository/);
    assert.equal((await snapshotsIn(scene.first)).length, 2);
  });

  it('goes there for nothing but unreachability', async (t) => {
    const scene = await makeScene(t);
    if (scene === undefined) return;
    assert.equal((await scene.backup([], { HOLDFAST_PASSWORD: 'wrong' })).code, 12);
    assert.equal((await scene.backup(['--repo', `${scene.first}nothing/`])).code, 10);
    assert.equal((await scene.backup(['--repo', join(scene.folder, 'nothing')])).code, 10);
    const unknown = await scene.backup(['-o', 'rest.nonsense=1']);
    assert.equal(unknown.code, 1);
    assert.equal((await snapshotsIn(scene.second)).length, 0);
  });

  it('begins anew in the other one when the first goes away in the middle, unless what is saved can be read only once', async (t) => {
    const scene = await makeScene(t);
    if (scene === undefined) return;
    writeFileSync(join(scene.folder, 'source', 'large'), randomBytes(12 << 20));
    const slowly = ['--limit-upload', '6000', '--pack-size', '4'];
    const running = scene.backup(slowly);
    await untilPack(scene.served);
    await scene.stop();
    const made = await running;
    assert.equal(made.code, 4, made.stderr);
    assert.equal((await snapshotsIn(scene.second)).length, 1);
    await holdfast(scene.second, ['check', '--read-data']);
    rmSync(join(scene.served, 'data'), { recursive: true });
    await scene.startAgain();
    const once = scene.backup([...slowly, '--stdin-from-command', '--', 'cat', join(scene.folder, 'source', 'large')]);
    await untilPack(scene.served);
    await scene.stop();
    const failed = await once;
    assert.equal(failed.code, 1, failed.stderr);
    assert.equal((await snapshotsIn(scene.second)).length, 1);
  });

  it('fails as a whole when the second repository fails too, and says which did', async (t) => {
    const scene = await makeScene(t);
    if (scene === undefined) return;
    await scene.stop();
    const { code, stderr } = await scene.backup(['--fallback-repo', join(scene.folder, 'nothing')]);
    assert.equal(code, 10);
    assert.match(stderr, /no backup in the fallback repository either: there is no repository at/);
  });

  it('promises nothing in a dry run, and needs no place to remember', async (t) => {
    const scene = await makeScene(t);
    if (scene === undefined) return;
    await scene.stop();
    assert.equal((await scene.backup(['--dry-run'])).code, 0);
    assert.equal((await snapshotsIn(scene.second)).length, 0);
    const forgetful = await scene.backup([], { XDG_STATE_HOME: '', HOME: '/nonexistent' });
    assert.equal(forgetful.code, 4);
    assert.match(forgetful.stderr, /Copy it over when the first repository can be reached again: holdfast copy --from-repo/);
    assert.deepEqual(readdirSync(scene.folder).sort(), ['second', 'source']);
  });
});
