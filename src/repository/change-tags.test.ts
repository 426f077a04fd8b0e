import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryRepository } from '../../test/support/new-repository.ts';
import type { BlobId, SnapshotId } from '../base/ids.ts';
import { changeTags, type TagChange } from './change-tags.ts';
import type { StoredSnapshot } from './snapshots.ts';

const snapshot = {
  time: '2026-11-21T03:04:05.000000006+05:30',
  tree: 'ab'.repeat(32) as BlobId,
  paths: ['/b', '/a'],
  hostname: 'h',
  username: 'u',
  uid: 1,
  gid: 2,
  excludes: ['*.tmp'],
  programVersion: 'restic 0.19.1',
};

/** The snapshots of a repository after the one with these tags was changed. */
async function afterChange(tags: readonly string[], change: TagChange): Promise<{ old: StoredSnapshot; all: StoredSnapshot[] }> {
  const { repository } = await memoryRepository();
  await using _ = repository;
  const old = await repository.snapshots.load(await repository.snapshots.save({ ...snapshot, tags }));
  await changeTags(repository.snapshots, old, change);
  return { old, all: await repository.snapshots.list() };
}

async function tagsAfter(tags: readonly string[], change: TagChange): Promise<readonly string[] | undefined> {
  return (await afterChange(tags, change)).all[0]?.tags;
}

describe('the tags of a snapshot', () => {
  it('change in a new snapshot that takes the place of the old one and names it', async () => {
    const { old, all } = await afterChange(['a'], { add: ['b'], remove: [] });
    assert.equal(all.length, 1);
    assert.notEqual(all[0]?.id, old.id);
    assert.deepEqual({ ...all[0], id: old.id }, { ...old, tags: ['a', 'b'], original: old.id });
  });

  it('keep the first original over all changes', async () => {
    const { repository } = await memoryRepository();
    await using _ = repository;
    const first = await repository.snapshots.save({ ...snapshot, tags: [] });
    for (const tag of ['a', 'b']) {
      const [current] = await repository.snapshots.list();
      assert.ok(current !== undefined);
      await changeTags(repository.snapshots, current, { add: [tag], remove: [] });
    }
    assert.deepEqual(
      (await repository.snapshots.list()).map(({ original, tags }) => [original, tags]),
      [[first, ['a', 'b']]],
    );
  });

  it('are added once, and removed after that, where the last takes the place of a removed one', async () => {
    assert.deepEqual(await tagsAfter(['a', 'b', 'c'], { add: ['b', 'd'], remove: ['a'] }), ['d', 'b', 'c']);
    assert.deepEqual(await tagsAfter(['a', 'b', 'a'], { add: [], remove: ['a'] }), ['a', 'b']);
    assert.deepEqual(await tagsAfter(['a'], { add: [], remove: ['a'] }), []);
  });

  it('are set, also to none', async () => {
    assert.deepEqual(await tagsAfter(['a', 'b'], { set: ['x', 'y'] }), ['x', 'y']);
    assert.deepEqual(await tagsAfter(['a', 'b'], { set: [] }), []);
  });

  it('that stay as they are leave the snapshot as it is', async () => {
    const { old, all } = await afterChange(['a'], { add: ['a'], remove: ['x'] });
    assert.deepEqual(all, [old]);
  });

  it('are never lost: the new snapshot is there before the old one goes', async () => {
    const calls: string[] = [];
    const store = {
      save: async () => {
        calls.push('save');
        return 'cd'.repeat(32) as SnapshotId;
      },
      remove: async () => {
        calls.push('remove');
        throw new Error('no');
      },
    };
    const old: StoredSnapshot = { ...snapshot, tags: [], timeNs: 0n, id: 'ef'.repeat(32) as SnapshotId };
    await assert.rejects(changeTags(store, old, { set: ['x'] }));
    assert.deepEqual(calls, ['save', 'remove']);
  });
});
