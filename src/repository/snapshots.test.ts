import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { memoryRepository } from '../../test/support/new-repository.ts';
import type { BlobId, SnapshotId } from '../base/ids.ts';
import type { HoldfastEvent } from '../base/events.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { Backend } from '../storage/backend.ts';
import { ForwardingBackend } from '../storage/forwarding-backend.ts';
import type { MemoryBackend } from '../storage/memory/memory-backend.ts';
import { FaultyBackend } from '../storage/wrappers/faulty-backend.ts';
import type { Repository } from './repository.ts';
import { everySnapshot, parseTagList, type SnapshotFilter } from './snapshot-filter.ts';
import { Snapshots, splitReference } from './snapshots.ts';
import { UnpackedFiles } from './unpacked-files.ts';

const plain: Snapshot = {
  time: '2026-01-01T00:00:00Z',
  tree: 'b'.repeat(64) as BlobId,
  paths: ['/home'],
  hostname: 'desk',
  username: 'ann',
  uid: 0,
  gid: 0,
  excludes: [],
  tags: [],
};

let backend: MemoryBackend;
let repository: Repository;
let snapshots: Snapshots;
beforeEach(async () => {
  ({ backend, repository } = await memoryRepository());
  snapshots = repository.snapshots;
});

const save = (changes: Partial<Snapshot>) => snapshots.save({ ...plain, ...changes });
const filter = (changes: Partial<SnapshotFilter>): SnapshotFilter => ({ ...everySnapshot, ...changes });
const damage = async (id: SnapshotId) => {
  await backend.remove({ kind: 'snapshot', name: id });
  await backend.save({ kind: 'snapshot', name: id }, Buffer.from('not what it was'));
};

class CountingBackend extends ForwardingBackend {
  readonly #onLoad: () => void;
  readonly #onList: () => void;

  constructor(inner: Backend, onLoad: () => void, onList: () => void = () => {}) {
    super(inner);
    this.#onLoad = onLoad;
    this.#onList = onList;
  }

  override load(...call: Parameters<Backend['load']>): Promise<Buffer> {
    this.#onLoad();
    return super.load(...call);
  }

  override list(...call: Parameters<Backend['list']>): ReturnType<Backend['list']> {
    this.#onList();
    return super.list(...call);
  }
}

describe('Snapshots', () => {
  it('loads what was saved', async () => {
    const id = await save({ tags: ['a'] });
    const { timeNs, ...loaded } = await snapshots.load(id);
    assert.deepEqual(loaded, { ...plain, tags: ['a'], id });
    assert.equal(timeNs, BigInt(Date.parse(plain.time)) * 1_000_000n);
  });

  it('lists all, oldest first, by the moment and not by the text of the time', async () => {
    const late = await save({ time: '2026-01-01T10:00:00-05:00' });
    const early = await save({ time: '2026-01-01T10:00:00+05:00' });
    const middle = await save({ time: '2026-01-01T10:00:00Z' });
    assert.deepEqual(
      (await snapshots.list()).map(({ id }) => id),
      [early, middle, late],
    );
  });

  it('that were loaded ahead are listed as they are by then, and not read again', async () => {
    const [kept, removed] = [await save({ hostname: 'kept' }), await save({ hostname: 'removed' })];
    let loads = 0;
    const counting = new CountingBackend(backend, () => loads++);
    const ahead = new Snapshots(counting, new UnpackedFiles(counting, repository.sealer, repository.config.version));
    await using _loading = ahead.beginLoading();
    await ahead.list();
    assert.equal(loads, 2);
    await snapshots.remove(removed);
    const added = await save({ hostname: 'added', time: '2026-02-01T00:00:00Z' });
    assert.deepEqual(
      (await ahead.list()).map(({ id }) => id),
      [kept, added],
    );
    assert.equal(loads, 3);
  });

  it('that cannot be loaded ahead are told when they are listed', async () => {
    const id = await save({});
    await damage(id);
    await using _loading = snapshots.beginLoading();
    await assert.rejects(snapshots.list(), { code: 'damaged' });
  });

  it('are loaded ahead no longer than somebody waits for them', async () => {
    await save({});
    const loading = snapshots.beginLoading({ signal: AbortSignal.abort() });
    await loading[Symbol.asyncDispose]();
    assert.equal((await snapshots.list()).length, 1);
  });

  it('are looked up by many abbreviated ids with one list of their names', async () => {
    const ids = [await save({}), await save({ hostname: 'b' })];
    let lists = 0;
    const counting = new CountingBackend(
      backend,
      () => {},
      () => lists++,
    );
    const counted = new Snapshots(counting, new UnpackedFiles(counting, repository.sealer, repository.config.version));
    const selected = await counted.select([...ids.map((id) => id.slice(0, 12)), 'ffff'], everySnapshot);
    assert.deepEqual(
      selected.map(({ snapshot }) => snapshot?.id),
      [...ids, undefined],
    );
    assert.equal(lists, 1);
  });

  it('a removed one is gone', async () => {
    const id = await save({});
    await snapshots.remove(id);
    assert.deepEqual(await snapshots.list(), []);
    await assert.rejects(snapshots.load(id), { code: 'not-found' });
  });

  it('a damaged one ends the list, or is told apart when asked for', async () => {
    const [bad, good] = [await save({}), await save({})];
    await damage(bad);
    await assert.rejects(snapshots.list(), { code: 'damaged', message: new RegExp(bad) });
    const found: string[] = [];
    const rest = await snapshots.list({ onDamaged: (id) => found.push(id) });
    assert.deepEqual([found, rest.map(({ id }) => id)], [[bad], [good]]);
  });

  it('one that is removed while it is listed is left out', async () => {
    await save({});
    const vanishing = new FaultyBackend(backend, []);
    const original = vanishing.list.bind(vanishing);
    vanishing.list = async function* (kind, options) {
      yield* original(kind, options);
      yield { name: 'e'.repeat(64), sizeBytes: 100 };
    };
    assert.equal((await new Snapshots(vanishing, repository.files).list()).length, 1);
  });

  it('finds one by the digits that make it unique, with a folder or without', async () => {
    const ids: SnapshotId[] = [];
    for (let n = 0; n < 20; n++) ids.push(await save({}));
    for (const id of ids) {
      assert.equal((await snapshots.find(id, everySnapshot)).snapshot.id, id);
      const found = await snapshots.find(`${id.slice(0, 16)}:/some:where`, everySnapshot);
      assert.deepEqual([found.snapshot.id, found.subfolder], [id, '/some:where']);
    }
    const digits = ids.map((id) => id.slice(0, 1));
    const shared = digits.find((digit, n) => digits.indexOf(digit) !== n) ?? '';
    await assert.rejects(snapshots.find(shared, everySnapshot), { code: 'ambiguous' });
    for (const name of ['g', '', 'LATEST', '0'.repeat(64), '0'.repeat(65)]) {
      await assert.rejects(snapshots.find(name, everySnapshot), { code: 'not-found' });
    }
  });

  it('latest is the newest that the filter lets through', async () => {
    const old = await save({ time: '2026-01-01T00:00:00Z', hostname: 'other' });
    const recent = await save({ time: '2026-02-01T00:00:00Z' });
    assert.equal((await snapshots.find('latest', everySnapshot)).snapshot.id, recent);
    assert.equal((await snapshots.find('latest:/etc', filter({ hosts: ['other'] }))).snapshot.id, old);
    await assert.rejects(snapshots.find('latest', filter({ hosts: ['none'] })), { code: 'not-found', message: /host none/ });
    const until = { notAfterNs: BigInt(Date.parse('2026-01-15T00:00:00Z')) * 1_000_000n };
    assert.equal((await snapshots.find('latest', everySnapshot, until)).snapshot.id, old);
  });

  it('latest takes paths from the current folder', async () => {
    const id = await save({ paths: [resolve('here')] });
    assert.equal((await snapshots.find('latest', filter({ paths: ['./here/'] }))).snapshot.id, id);
  });

  it('latest does not silently pass over a damaged one', async () => {
    await save({});
    await damage(await save({ time: '2026-03-01T00:00:00Z' }));
    await assert.rejects(snapshots.find('latest', everySnapshot), { code: 'damaged' });
  });

  it('latest of an empty repository says that it is empty', async () => {
    await assert.rejects(snapshots.find('latest', everySnapshot), { code: 'not-found', message: 'the repository has no snapshots' });
  });

  it('selects all that the filter lets through, or those named, each once', async () => {
    const [a, b] = [await save({ time: '2026-01-01T00:00:00Z' }), await save({ time: '2026-01-02T00:00:00Z', hostname: 'other' })];
    const ids = async (references: string[], wanted = everySnapshot) =>
      (await snapshots.select(references, wanted)).map(({ reference, snapshot, error }) => snapshot?.id ?? `${reference} ${error?.code}`);
    assert.deepEqual(await ids([]), [a, b]);
    assert.deepEqual(await ids([], filter({ hosts: ['other'] })), [b]);
    assert.deepEqual(await ids([b, a, b.slice(0, 20), 'latest']), [b, a]);
    assert.deepEqual(await ids(['latest'], filter({ hosts: ['desk'] })), [a]);
    assert.deepEqual(await ids(['nothing', a, `${b}:/x`, 'latest:/x']), ['nothing not-found', a, `${b}:/x usage`, 'latest:/x usage']);
    await damage(a);
    assert.deepEqual(await ids([]), [b, `${a} damaged`]);
  });
});

describe('the filter of snapshots', () => {
  /** Saves one snapshot with these and asks whether the filter lets it through. */
  const lets = async (wanted: Partial<SnapshotFilter>, changes: Partial<Snapshot>) => {
    await save(changes);
    return (await snapshots.select([], filter(wanted))).length === 1;
  };

  it('any of several hosts will do', async () => assert.ok(await lets({ hosts: ['x', 'desk'] }, {})));
  it('all paths must be there, and others may', async () => {
    assert.ok(await lets({ paths: ['/b', '/a'] }, { paths: ['/a', '/b', '/c'] }));
  });
  it('one missing path shuts out', async () => assert.equal(await lets({ paths: ['/a', '/d'] }, { paths: ['/a', '/b'] }), false));
  it('all tags of a list must be there', async () => {
    assert.equal(await lets({ tagLists: [parseTagList('a, b')] }, { tags: ['a'] }), false);
  });
  it('one list of several will do', async () => {
    assert.ok(await lets({ tagLists: [parseTagList('a,x'), parseTagList(' b , c ')] }, { tags: ['c', 'b'] }));
  });
  it('an empty tag means a snapshot without tags', async () => assert.ok(await lets({ tagLists: [parseTagList('')] }, {})));
  it('an empty tag shuts out a snapshot with tags', async () =>
    assert.equal(await lets({ tagLists: [parseTagList('')] }, { tags: ['a'] }), false));
});

describe('splitReference', () => {
  it('cuts at the first colon', () => {
    assert.deepEqual(splitReference('ab12'), { name: 'ab12', subfolder: '' });
    assert.deepEqual(splitReference('latest:/a:b'), { name: 'latest', subfolder: '/a:b' });
    assert.deepEqual(splitReference('ab:'), { name: 'ab', subfolder: '' });
  });
});

describe('findParent', () => {
  const noon = BigInt(Date.parse('2026-06-01T12:00:00Z')) * 1_000_000n;
  const backup = { hostname: 'desk', paths: ['/home'], tags: ['daily'], timeNs: noon };

  it('takes the latest of the same host and paths', async () => {
    await save({ time: '2026-05-03T00:00:00Z', hostname: 'other' });
    await save({ time: '2026-05-02T00:00:00Z', paths: ['/etc'] });
    const parent = await save({ time: '2026-05-01T00:00:00Z' });
    assert.equal((await repository.findParent(backup))?.id, parent);
  });

  it('groups otherwise when asked to', async () => {
    const other = await save({ time: '2026-05-03T00:00:00Z', hostname: 'other' });
    const tagged = await save({ time: '2026-05-01T00:00:00Z', tags: ['daily', 'x'] });
    const groupBy = { byHost: false, byPaths: false, byTags: false };
    assert.equal((await repository.findParent({ ...backup, groupBy }))?.id, other);
    assert.equal((await repository.findParent({ ...backup, groupBy: { ...groupBy, byTags: true } }))?.id, tagged);
  });

  it('takes none that is later than the backup itself, and none where there is none', async () => {
    assert.equal(await repository.findParent(backup), undefined);
    await save({ time: '2026-06-01T12:00:00.000000001Z' });
    assert.equal(await repository.findParent(backup), undefined);
    const same = await save({ time: '2026-06-01T12:00:00Z' });
    assert.equal((await repository.findParent(backup))?.id, same);
  });

  it('a named parent must exist, and needs nothing in common', async () => {
    const id = await save({ hostname: 'other', paths: ['/x'] });
    assert.equal((await repository.findParent({ ...backup, reference: id.slice(0, 20) }))?.id, id);
    await assert.rejects(repository.findParent({ ...backup, reference: 'abcdef' }), { code: 'not-found' });
    await assert.rejects(repository.findParent({ ...backup, reference: 'latest' }), { code: 'not-found' });
  });

  it('passes over damaged snapshots with a warning', async () => {
    const parent = await save({ time: '2026-05-01T00:00:00Z' });
    const bad = await save({ time: '2026-05-02T00:00:00Z' });
    await damage(bad);
    const events: HoldfastEvent[] = [];
    assert.equal((await repository.findParent({ ...backup, events: (event) => events.push(event) }))?.id, parent);
    assert.ok(events[0]?.kind === 'warning' && events[0].message.includes(bad));
  });
});
