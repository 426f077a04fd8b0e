import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobId, SnapshotId } from '../../base/ids.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import { ExistingCopies } from './existing-copies.ts';

const idOf = <T>(digit: string): T => digit.repeat(64) as T;

const source: StoredSnapshot = {
  id: idOf<SnapshotId>('a'),
  time: '2026-11-21T10:00:00Z',
  timeNs: 1_795_255_200_000_000_000n,
  tree: idOf<BlobId>('b'),
  paths: ['/one', '/two'],
  hostname: 'host',
  username: 'user',
  uid: 1,
  gid: 2,
  excludes: ['x', 'y'],
  tags: ['s', 't'],
};
const copy: StoredSnapshot = { ...source, id: idOf<SnapshotId>('c'), original: source.id };

function isCopied(destination: StoredSnapshot, from: StoredSnapshot = source): boolean {
  return new ExistingCopies([destination]).find(from) !== undefined;
}

describe('a snapshot counts as copied', () => {
  it('when the destination has a copy that names it as the original', () => {
    assert.equal(new ExistingCopies([{ ...copy, tags: [] }, copy]).find(source)?.id, copy.id);
  });

  it('when the destination has the snapshot itself, as a repository that was copied file by file', () => {
    assert.ok(isCopied(source));
  });

  it('when it is a copy itself, and both come from the same original', () => {
    const original = idOf<SnapshotId>('d');
    assert.ok(isCopied({ ...copy, original }, { ...source, original }));
    assert.ok(!isCopied({ ...copy, original: source.id }, { ...source, original }));
  });

  it('whatever the parent, the summary, the program, and the order of paths and tags', () => {
    const { time } = source;
    const parent = idOf<SnapshotId>('e');
    assert.ok(isCopied({ ...copy, time, parent, programVersion: 'other', paths: ['/two', '/one'], tags: ['t', 's'] }));
  });

  const differences: Readonly<Record<string, Partial<StoredSnapshot>>> = {
    'its time': { timeNs: source.timeNs + 1n },
    'its tree': { tree: idOf<BlobId>('f') },
    'a path that is missing': { paths: ['/one'] },
    'another path': { paths: ['/one', '/three'] },
    'its host': { hostname: 'other' },
    'its user': { username: 'other' },
    'its user id': { uid: 3 },
    'its group id': { gid: 3 },
    'the order of its excludes': { excludes: ['y', 'x'] },
    'an exclude that is missing': { excludes: ['x'] },
    'a tag that is missing': { tags: ['s'] },
    'another tag': { tags: ['s', 'u'] },
    'its original': { original: idOf<SnapshotId>('f') },
  };
  for (const [name, difference] of Object.entries(differences)) {
    it(`not when the copy differs in ${name}`, () => {
      assert.ok(!isCopied({ ...copy, ...difference }));
    });
  }
});
