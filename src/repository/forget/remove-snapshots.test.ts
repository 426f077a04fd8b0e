import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quickScrypt, testPassword } from '../../../test/support/new-repository.ts';
import type { HoldfastEvent } from '../../base/events.ts';
import type { BlobId, SnapshotId } from '../../base/ids.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { FaultyBackend, type PlannedFault } from '../../storage/wrappers/faulty-backend.ts';
import { Repository } from '../repository.ts';
import { removeSnapshots } from './remove-snapshots.ts';

const snapshot = { tree: 'ab'.repeat(32) as BlobId, paths: ['/a'], hostname: 'h', username: 'u', uid: 0, gid: 0, excludes: [], tags: [] };

/** A repository with so many snapshots, oldest first, whose storage has these faults. */
async function withSnapshots(count: number, ...faults: PlannedFault[]) {
  const backend = new FaultyBackend(new MemoryBackend(), faults);
  const repository = await Repository.create(backend, { password: testPassword, scryptCost: quickScrypt });
  for (let day = 1; day <= count; day++) {
    await repository.snapshots.save({ ...snapshot, time: `2026-01-${String(day).padStart(2, '0')}T00:00:00Z` });
  }
  return { repository, snapshots: await repository.snapshots.list() };
}

describe('removing snapshots', () => {
  it('removes those given and no other, and says how far it is', async () => {
    const { repository, snapshots } = await withSnapshots(4);
    await using _ = repository;
    const events: HoldfastEvent[] = [];
    assert.deepEqual(await removeSnapshots(repository.snapshots, snapshots.slice(0, 3), { events: (event) => events.push(event) }), []);
    assert.deepEqual(await repository.snapshots.list(), snapshots.slice(3));
    assert.deepEqual(
      events.map((event) => event.kind === 'progress' && [event.filesDone, event.filesTotal]),
      [
        [1, 3],
        [2, 3],
        [3, 3],
      ],
    );
  });

  it('goes on after one that cannot be removed, and names it', async () => {
    const { repository, snapshots } = await withSnapshots(3, {
      operation: 'remove',
      fileKind: 'snapshot',
      nth: 2,
      fault: { kind: 'fail' },
    });
    await using _ = repository;
    const events: HoldfastEvent[] = [];
    const failed = await removeSnapshots(repository.snapshots, snapshots, { events: (event) => events.push(event) });
    assert.deepEqual(failed, [snapshots[1]]);
    assert.deepEqual(await repository.snapshots.list(), [snapshots[1]]);
    const failure = events.find((event) => event.kind === 'failure');
    assert.match(failure?.error.message ?? '', new RegExp(`^snapshot ${snapshots[1]?.id.slice(0, 8)} could not be removed: `));
  });

  it('stops when it is cancelled', async () => {
    const { repository, snapshots } = await withSnapshots(3);
    await using _ = repository;
    await assert.rejects(removeSnapshots(repository.snapshots, snapshots, { signal: AbortSignal.abort() }), { code: 'cancelled' });
    assert.equal((await repository.snapshots.list()).length, 3);
  });

  it('begins with the first', async () => {
    const order: SnapshotId[] = [];
    const ids = ['a', 'b', 'c'].map((digit) => ({ id: digit.repeat(64) as SnapshotId }));
    await removeSnapshots({ remove: async (id) => void order.push(id) }, ids);
    assert.deepEqual(
      order,
      ids.map(({ id }) => id),
    );
  });
});
