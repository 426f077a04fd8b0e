/** A check of a part of the data, as a person runs it day after day. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { testPassword } from '../support/new-repository.ts';
import { type PeerRun, requirePeer, runRestic } from '../support/peers.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { jsonOf, makeScene, type Scene } from './scene.ts';

const cleanups: (() => void)[] = [];
let scene: Scene;
let state: string;

before(async () => {
  scene = await makeScene({ after: (work) => cleanups.push(work) });
  mkdirSync(join(scene.folder, 'home'));
  state = join(scene.folder, 'home/.local/state/holdfast');
  for (let n = 0; n < 5; n++) {
    writeFileSync(join(scene.source, 'large'), pseudoRandomBytes(5 << 20, n));
    assert.equal((await scene.holdfast(['backup', 'source', '--pack-size', '4'])).code, 0);
  }
});

beforeEach(() => rmSync(state, { recursive: true, force: true }));

after(() => {
  for (const work of cleanups) work();
});

interface CheckSummary {
  readonly num_errors: number;
  readonly packs_total: number;
  readonly packs_read: number;
  readonly bytes_total: number;
  readonly bytes_read: number;
  readonly packs_never_proved: number;
  readonly oldest_proof?: string;
}

async function summaryOf(...args: string[]): Promise<CheckSummary> {
  const result = await scene.holdfast(['check', '--json', ...args]);
  assert.equal(result.code, 0, result.stderr);
  return jsonOf(result.stdout).at(-1) as unknown as CheckSummary;
}

async function check(...args: string[]): Promise<PeerRun> {
  return await scene.holdfast(['check', ...args]);
}

describe('holdfast check --read-data-oldest', () => {
  it('goes round the repository, says what is left, and when it has been everywhere begins with the oldest again', async () => {
    const { packs_total: total } = await summaryOf('--read-data-subset', '1/256');
    assert.ok(total >= 10, String(total));
    const seen: number[] = [];
    for (let left = total; left > 0; ) {
      const summary = await summaryOf('--read-data-oldest', '10M');
      assert.ok(summary.bytes_read <= 10 << 20 && summary.packs_read > 0);
      left = summary.packs_never_proved;
      seen.push(left);
      assert.equal(summary.oldest_proof === undefined, left > 0);
      assert.ok(seen.length < 20, String(seen));
    }
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => b - a),
    );
    const first = (await summaryOf('--read-data-oldest', '10M')).oldest_proof ?? '';
    const second = (await summaryOf('--read-data-oldest', '10M')).oldest_proof ?? '';
    assert.ok(first !== '' && second > first, `${second} after ${first}`);
  });

  it('reads first what no other check of the data has read', async () => {
    await summaryOf('--read-data');
    assert.equal((await summaryOf('--read-data-oldest', '1')).packs_never_proved, 0);
    writeFileSync(join(scene.source, 'large'), pseudoRandomBytes(5 << 20, 99));
    await scene.holdfast(['backup', 'source', '--pack-size', '4']);
    // One pack of that backup at least, and of those the first.
    const summary = await summaryOf('--read-data-oldest', '1');
    assert.equal(summary.packs_read, 1);
    assert.ok(summary.packs_never_proved >= 1);
  });

  it('says in words how far it is', async () => {
    const begun = (await check('--read-data-oldest', '10M')).stdout;
    assert.match(
      begun,
      /read \d+\.\d+ MiB of data: \d+ of \d+ packs, \d+\.\d+% of \d+\.\d+ MiB\n\d+ packs were never proved by this machine\n/u,
    );
    await check('--read-data');
    assert.match((await check('--read-data-oldest', '10M')).stdout, /this machine has proved every pack since \d{4}-\d\d-\d\d /u);
  });

  it('finds a pack that is damaged, and looks at it first in every run until it is right', async (t) => {
    await summaryOf('--read-data');
    const data = join(scene.repository, 'data');
    const [path = ''] = readdirSync(data, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
    );
    const bytes = readFileSync(path);
    t.after(() => writeFileSync(path, bytes));
    rmSync(state, { recursive: true });
    writeFileSync(path, Buffer.from(bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte))));
    assert.equal((await check('--read-data')).code, 1);
    for (let run = 0; run < 2; run++) {
      const result = await check('--read-data-oldest', '1');
      assert.equal(result.code, 1);
      assert.match(result.stdout, /^1 pack was never proved/mu);
    }
    writeFileSync(path, bytes);
    assert.equal((await summaryOf('--read-data-oldest', '1')).packs_never_proved, 0);
  });

  it('begins anew with a warning when its memory is damaged, and works without one that can be written', async () => {
    await summaryOf('--read-data');
    const proofs = join(state, 'proofs');
    const [name = ''] = readdirSync(proofs);
    writeFileSync(join(proofs, name), 'garbage');
    const result = await check('--read-data-oldest', '1');
    assert.equal(result.code, 0);
    assert.match(result.stderr, /warning: when packs were proved is not known any more/u);
    rmSync(state, { recursive: true });
    writeFileSync(state, 'a file in its place');
    const unwritable = await check('--read-data-oldest', '1');
    assert.equal(unwritable.code, 0);
    assert.match(unwritable.stderr, /warning: which packs were proved cannot be remembered/u);
    assert.equal((await check('--read-data-subset', '1/2')).stderr, '');
    const homeless = await scene.holdfast(['check', '--read-data-oldest', '1'], { env: { HOME: '/nonexistent' } });
    assert.equal(homeless.code, 1);
    assert.match(homeless.stderr, /HOME names no folder\nhint: Set XDG_STATE_HOME/u);
  });

  it('keeps its memory where XDG_STATE_HOME says, if that is absolute', async () => {
    const place = join(scene.folder, 'state');
    await scene.holdfast(['check', '--read-data-oldest', '1'], { env: { XDG_STATE_HOME: place } });
    assert.equal(readdirSync(join(place, 'holdfast/proofs')).length, 1);
    await scene.holdfast(['check', '--read-data-oldest', '1'], { env: { XDG_STATE_HOME: 'relative' } });
    assert.equal(readdirSync(join(state, 'proofs')).length, 1);
  });
});

describe('holdfast check --read-data-subset', () => {
  it('reads with n/t the same packs as restic, by their number', async (t) => {
    const restic = requirePeer(t, 'newest restic');
    if (restic === undefined) return;
    for (const part of ['1/3', '2/3', '3/3', '7/20']) {
      const theirs = await runRestic(restic.path, scene.repository, testPassword, ['check', '--read-data-subset', part]);
      assert.match(
        theirs.stdout,
        new RegExp(`read group #\\d+ of ${(await summaryOf('--read-data-subset', part)).packs_read} data packs`, 'u'),
      );
    }
  });

  it('reads a share or a size of the packs', async () => {
    const { packs_total: total, packs_read: half } = await summaryOf('--read-data-subset', '50%');
    assert.equal(half, Math.floor(total / 2));
    const bySize = await summaryOf('--read-data-subset', '9M');
    assert.ok(bySize.bytes_read <= 9 << 20 && bySize.packs_read >= 1);
    assert.equal((await summaryOf('--read-data-subset', '1T')).packs_read, total);
  });

  it('excludes the other ways to choose, and refuses what says nothing', async () => {
    for (const args of [
      ['--read-data', '--read-data-subset', '1/2'],
      ['--read-data-subset', '5%', '--read-data-oldest', '1G'],
    ]) {
      const result = await check(...args);
      assert.equal(result.code, 1);
      assert.match(result.stderr, /exclude each other\nhint: Give one of them/u);
    }
    const result = await check('--read-data-subset', '3/2');
    assert.match(result.stderr, /--read-data-subset cannot be "3\/2"\nhint: /u);
    assert.equal(result.code, 1);
  });
});
