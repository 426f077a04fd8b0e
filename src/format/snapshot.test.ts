import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../base/errors.ts';
import type { SnapshotId } from '../base/ids.ts';
import { blobIds } from '../../test/support/arbitrary-nodes.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot.ts';

const isDamaged = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'damaged';
const fixture = readFileSync(new URL('fixtures/snapshot.json', import.meta.url));
const tree = 'ab'.repeat(32);

test('a snapshot of restic 0.19.1 comes out of decoding and encoding unchanged', () => {
  assert.equal(encodeSnapshot(decodeSnapshot(fixture)).toString(), fixture.toString());
});

test('the time of a snapshot is there as text and as nanoseconds', () => {
  const { time, timeNs } = decodeSnapshot(fixture);
  assert.equal(time, '2026-11-21T02:00:23.165884407+01:00');
  assert.equal(timeNs, BigInt(Date.UTC(2026, 10, 21, 1, 0, 23)) * 1_000_000n + 165_884_407n);
});

const text = fc.string({ unit: 'grapheme' });
const texts = fc.array(text, { maxLength: 3 });
const snapshotIds = blobIds.map((id) => id as string as SnapshotId);
const snapshots: fc.Arbitrary<Snapshot> = fc.record(
  {
    time: fc.constantFrom('2024-02-29T12:00:00Z', '2015-01-08T21:40:19.509301111+01:00'),
    tree: blobIds,
    paths: texts,
    hostname: text,
    username: text,
    uid: fc.nat(),
    gid: fc.nat(),
    excludes: texts,
    tags: texts,
    parent: snapshotIds,
    original: snapshotIds,
    programVersion: text.filter((version) => version !== ''),
  },
  { noNullPrototype: true, requiredKeys: ['time', 'tree', 'paths', 'hostname', 'username', 'uid', 'gid', 'excludes', 'tags'] },
);

test('a snapshot that was written is read back', () => {
  fc.assert(
    fc.property(snapshots, (snapshot) => {
      const { timeNs: _timeNs, ...decoded } = decodeSnapshot(encodeSnapshot(snapshot));
      assert.deepEqual(decoded, snapshot);
    }),
  );
});

test('fields that are not known, and null, are passed over', () => {
  const decoded = decodeSnapshot(
    Buffer.from(`{"label":"x","time":"2024-01-01T00:00:00Z","tree":"${tree}","paths":null,"tags":null,"summary":{"files_new":3}}`),
  );
  assert.deepEqual(decoded.paths, []);
  assert.equal(decoded.summary?.filesNew, 3);
  assert.equal(decoded.summary?.dataAdded, 0);
});

test('a count beyond 2^53 keeps every digit', () => {
  const json = `{"time":"2024-01-01T00:00:00Z","tree":"${tree}","paths":[],"summary":{"data_added":18446744073709551615}}`;
  assert.equal(decodeSnapshot(Buffer.from(json)).summary?.dataAdded, 18_446_744_073_709_551_615n);
});

const bad = {
  'no tree': '{"time":"2024-01-01T00:00:00Z","paths":[]}',
  'no time': `{"tree":"${tree}","paths":[]}`,
  'a bad time': `{"time":"yesterday","tree":"${tree}","paths":[]}`,
  'a path that is no text': `{"time":"2024-01-01T00:00:00Z","tree":"${tree}","paths":[1]}`,
  'a path that is null': `{"time":"2024-01-01T00:00:00Z","tree":"${tree}","paths":[null]}`,
  'a parent that is no id': `{"time":"2024-01-01T00:00:00Z","tree":"${tree}","paths":[],"parent":"x"}`,
  'a summary that is a list': `{"time":"2024-01-01T00:00:00Z","tree":"${tree}","paths":[],"summary":[]}`,
};
for (const [what, json] of Object.entries(bad)) {
  test(`a snapshot with ${what} is damaged`, () => assert.throws(() => decodeSnapshot(Buffer.from(json)), isDamaged));
}
