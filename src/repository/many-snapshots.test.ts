import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { localRepository } from '../../test/support/new-repository.ts';
import { plantSnapshots } from '../../test/support/planted-snapshots.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import type { SnapshotId } from '../base/ids.ts';
import { loadManySnapshots } from './many-snapshots.ts';
import type { Repository } from './repository.ts';
import { Snapshots } from './snapshots.ts';

const count = 2600;
const cleanups: (() => void)[] = [];
let path: string;
let repository: Repository;
let ids: readonly SnapshotId[];

before(async () => {
  path = join(temporaryFolder({ after: (work) => cleanups.push(work) }), 'repository');
  repository = await localRepository(path);
  const start = Date.UTC(2020, 0, 1);
  // Some too small to be compressed, and with names that take two bytes and more.
  ids = await plantSnapshots(
    repository,
    Array.from({ length: count }, (_, number) => ({
      time: new Date(start + number * 3_600_000).toISOString().replace('.000', ''),
      hostname: `höst 日本 ${number}`,
      tags: number % 2 === 0 ? [] : ['x'.repeat(number % 97)],
    })),
  );
});

after(async () => {
  await repository.close();
  for (const work of cleanups) work();
});

describe('thousands of snapshots', () => {
  it('are loaded by several threads as they are one by one', async () => {
    const alone = new Snapshots(repository.backend, repository.files);
    const all = await repository.snapshots.list();
    assert.equal(all.length, count);
    assert.deepEqual(all, await alone.list());
    assert.deepEqual(
      all.map(({ id }) => id),
      ids,
    );
  });

  it('are left to others where there are few, and where files are not of this machine', async () => {
    const place = { backend: repository.backend, key: repository.masterKey, hasCompression: true };
    assert.equal((await loadManySnapshots(place, ids.slice(0, 100), {})).size, 0);
    assert.equal((await loadManySnapshots(place, ids, {})).size, count);
  });

  it('end with a cancellation', async () => {
    await assert.rejects(repository.snapshots.list({ signal: AbortSignal.timeout(30) }), { code: 'cancelled' });
  });

  it('name the damaged ones among them', async () => {
    const [first = '' as SnapshotId, last = '' as SnapshotId] = [ids[7], ids.at(-1)];
    truncateSync(join(path, 'snapshots', first), 0);
    truncateSync(join(path, 'snapshots', last), 99);
    await assert.rejects(repository.snapshots.list(), { code: 'damaged' });
    const damaged: SnapshotId[] = [];
    const all = await repository.snapshots.list({ onDamaged: (id) => damaged.push(id) });
    assert.equal(all.length, count - 2);
    assert.deepEqual(damaged.sort(), [first, last].sort());
  });
});
