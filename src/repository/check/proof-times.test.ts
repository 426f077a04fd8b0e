import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { failure } from '../../../test/support/failure.ts';
import { pseudoRandomBytes } from '../../../test/support/pseudo-random.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import type { HoldfastError } from '../../base/errors.ts';
import { ProofTimes } from './proof-times.ts';

const packs = [1, 2, 3, 4].map((seed) => pseudoRandomBytes(32, seed).toString('hex'));
const [a = '', b = '', c = '', d = ''] = packs;
const everywhere = () => true;

async function load(path: string): Promise<ProofTimes> {
  return await ProofTimes.load(path, (error) => assert.fail(error));
}

describe('ProofTimes', () => {
  it('knows in the next run what this one saved, in a file of its user alone', async (t) => {
    const path = join(temporaryFolder(t), 'state/holdfast/proofs/id');
    const times = await load(path);
    assert.equal(times.packCount, 0);
    times.add(a, 1_763_700_000_123);
    times.add(b, 5);
    await times.save(everywhere);
    const again = await load(path);
    assert.deepEqual([again.packCount, again.timeOf(a), again.timeOf(b), again.timeOf(c)], [2, 1_763_700_000_123, 5, undefined]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(dirname(path)), ['id']);
  });

  it('adds up what several checks at once found', async (t) => {
    const path = join(temporaryFolder(t), 'proofs');
    const [one, other] = [await load(path), await load(path)];
    one.add(a, 10);
    one.add(b, 10);
    other.add(b, 20);
    other.add(c, 20);
    await other.save(everywhere);
    await one.save(everywhere);
    const again = await load(path);
    assert.deepEqual([again.timeOf(a), again.timeOf(b), again.timeOf(c)], [10, 20, 20]);
  });

  it('forgets packs that the repository no longer has', async (t) => {
    const path = join(temporaryFolder(t), 'proofs');
    const times = await load(path);
    for (const pack of packs) times.add(pack, 1);
    await times.save((pack) => pack !== d);
    assert.equal((await load(path)).packCount, 3);
  });

  it('begins anew, and says so, when the file is not what was written', async (t) => {
    const path = join(temporaryFolder(t), 'proofs');
    const times = await load(path);
    for (const pack of packs) times.add(pack, 1);
    await times.save(everywhere);
    const whole = readFileSync(path);
    const flipped = Buffer.from(whole);
    flipped[60] = (flipped[60] ?? 0) ^ 1;
    for (const bytes of [
      Buffer.alloc(0),
      whole.subarray(0, 10),
      whole.subarray(0, -1),
      whole.subarray(0, -40),
      flipped,
      Buffer.concat([whole, whole]),
    ]) {
      writeFileSync(path, bytes);
      const errors: HoldfastError[] = [];
      const found = await ProofTimes.load(path, (error) => errors.push(error));
      assert.deepEqual([found.packCount, errors.map(({ code }) => code)], [0, ['damaged']]);
      found.add(a, 7);
      await found.save(everywhere);
      assert.equal((await load(path)).timeOf(a), 7);
    }
  });

  it('says so when it cannot be written, and leaves nothing behind', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'proofs');
    // In its place is a folder: a rename over it fails for everybody, root too.
    mkdirSync(join(path, 'something'), { recursive: true });
    const times = await ProofTimes.load(path, () => {});
    times.add(a, 1);
    await failure(times.save(everywhere), 'storage-failed');
    assert.deepEqual(readdirSync(folder), ['proofs']);
  });
});
