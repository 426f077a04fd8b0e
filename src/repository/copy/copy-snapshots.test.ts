import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { failure } from '../../../test/support/failure.ts';
import { fileNode, PlantedRepository } from '../../../test/support/planted-repository.ts';
import { Scene } from '../../../test/support/copy-scene.ts';
import { HoldfastError } from '../../base/errors.ts';
import { type BlobId, idToBytes, type SnapshotId } from '../../base/ids.ts';
import { dataBlob } from '../../workers/index-table.ts';

describe('copying snapshots', () => {
  for (const [from, to] of [
    ['local', 'local'],
    ['local', 'memory'],
    ['memory', 'local'],
    ['memory', 'memory'],
  ] as const) {
    it(`brings all that they need from a ${from} repository to a ${to} one, sealed with the other key`, async (t) => {
      const scene = await Scene.create(t, { from, to });
      const report = await scene.copy({ verify: true });
      assert.deepEqual([report.copiedCount, report.failedCount, report.blobCount], [2, 0, 6]);
      assert.equal(report.verifiedPackCount, report.packCount);
      await scene.assertDestinationWhole();
      for (const content of [scene.contents.shared, scene.contents.noise, scene.contents.own]) {
        const id = scene.planted.blob('data', content).id;
        assert.deepEqual(await scene.destination.loadBlob(dataBlob, id), Buffer.from(content));
      }
    });
  }

  it('keeps what a snapshot says of itself, without its parent, and names the original', async (t) => {
    const scene = await Scene.create(t);
    const [first] = await scene.source.snapshots.list();
    assert.ok(first !== undefined);
    await scene.copy({ snapshots: [{ ...first, parent: 'f'.repeat(64) as SnapshotId }] });
    const [copy] = await scene.destination.snapshots.list();
    assert.deepEqual({ ...copy, id: first.id }, { ...first, original: first.id });
  });

  it('moves only what is missing, and skips what is there', async (t) => {
    const scene = await Scene.create(t);
    const snapshots = await scene.source.snapshots.list();
    const isFirst = ({ id }: { id: string }): boolean => id === scene.ids?.first;
    assert.equal((await scene.copy({ snapshots: snapshots.filter(isFirst) })).blobCount, 4);
    const report = await scene.copy();
    assert.deepEqual([report.copiedCount, report.skippedCount, report.blobCount], [1, 1, 2]);
    assert.equal((await scene.copy()).skippedCount, 2);
    await scene.assertDestinationWhole();
  });

  it('on a dry run counts what would be moved, and writes nothing', async (t) => {
    const scene = await Scene.create(t);
    const report = await scene.copy({ isDryRun: true });
    assert.deepEqual([report.copiedCount, report.blobCount, report.writtenBytes, report.packCount], [2, 6, 0, 0]);
    assert.deepEqual([await scene.stored('pack'), await scene.stored('index'), await scene.stored('snapshot')], [[], [], []]);
  });

  it('leaves frames as they are, and compresses what is not compressed', async (t) => {
    const scene = await Scene.create(t);
    const loose = { ...scene.planted.blob('data', 'loose '.repeat(2000)), sealed: scene.planted.seal(Buffer.from('loose '.repeat(2000))) };
    const { uncompressedLength: _none, ...plain } = loose;
    const tree = scene.planted.tree([fileNode('loose', [loose.id], 12_000)]);
    await scene.planted.index([await scene.planted.pack([plain]), await scene.planted.pack([tree])]);
    await scene.planted.snapshot(tree.id);
    await scene.copy();
    const [from, to] = [await scene.source.loadIndex(), await scene.destination.loadIndex()];
    const lengthIn = (index: typeof from, id: BlobId): number => index.lengthOf(index.find(idToBytes(id), dataBlob));
    const framed = scene.planted.blob('data', scene.contents.own).id;
    assert.equal(lengthIn(to, framed), lengthIn(from, framed));
    assert.ok(lengthIn(to, loose.id) < 1000 && lengthIn(from, loose.id) > 12_000);
    await scene.assertDestinationWhole();
  });

  it('compresses everything anew when that is asked for, and nothing for a repository of version 1', async (t) => {
    const again = await Scene.create(t);
    await again.copy({ compression: 'max', recompress: true });
    await again.assertDestinationWhole();
    const plain = await Scene.create(t, { to: 'memory', version: 1 });
    await plain.copy();
    await plain.assertDestinationWhole();
    const index = await plain.destination.loadIndex();
    for (let entry = 0; entry < index.entryCount; entry++) assert.equal(index.plainLengthOf(entry), 0);
  });

  it('warns when the two cut files in different ways', async (t) => {
    const scene = await Scene.create(t);
    await scene.copy();
    assert.ok(scene.events.some((event) => event.kind === 'warning' && /cut files in different ways/u.test(event.message)));
  });
});

describe('what is lost in the source', () => {
  it('fails the snapshots that need it, by name and path, and no others', async (t) => {
    const scene = await Scene.create(t);
    await damage(scene, scene.placed.own.id);
    const report = await scene.copy();
    assert.deepEqual([report.copiedCount, report.failedCount], [1, 1]);
    assert.deepEqual(
      new Map(scene.outcomes.map(({ kind, source }) => [kind, source.id])),
      new Map([
        ['copied', scene.ids?.first],
        ['failed', scene.ids?.second],
      ]),
    );
    assert.match(scene.failures().at(-1) ?? '', /was not copied, because \/own is not whole: blob [0-9a-f]{64} in pack .* is damaged/u);
    assert.equal((await scene.stored('snapshot')).length, 1);
    await scene.assertDestinationWhole();
  });

  it('fails all snapshots that share it, also those whose trees another one brought', async (t) => {
    const scene = await Scene.create(t);
    await damage(scene, scene.placed.data.id);
    assert.deepEqual((await scene.copy()).failedCount, 2);
    assert.deepEqual(await scene.stored('snapshot'), []);
    assert.ok(scene.failures().some((message) => /\/folder(\/shared)? is not whole/u.test(message)));
  });

  it('may be a pack that is gone, or a tree: with a dry run, too', async (t) => {
    for (const pack of ['data', 'trees'] as const) {
      const scene = await Scene.create(t);
      await rm(scene.source.backend.pathOf({ kind: 'pack', name: scene.placed[pack].id }) ?? '');
      if (pack === 'trees') assert.equal((await scene.copy({ isDryRun: true })).failedCount, 2);
      assert.equal((await scene.copy()).failedCount, 2);
      assert.deepEqual(await scene.stored('snapshot'), []);
    }
  });

  it('may be a blob that no index knows, which a dry run says already', async (t) => {
    const scene = await Scene.create(t);
    const gone = scene.planted.blob('data', 'gone');
    const tree = scene.planted.tree([fileNode('gone', [gone.id], 4)]);
    await scene.planted.index([await scene.planted.pack([tree])]);
    await scene.planted.snapshot(tree.id);
    for (const isDryRun of [true, false]) {
      const report = await scene.copy({ isDryRun });
      assert.deepEqual([report.copiedCount, report.failedCount], [2, 1]);
      assert.match(scene.failures().at(-1) ?? '', /\/gone is not whole: the data blob .* is in no index of the source/u);
    }
  });

  it('is not lost when the blob lies in a second pack that is whole, or is in the destination already', async (t) => {
    for (const from of ['local', 'memory'] as const) {
      const scene = await Scene.create(t, { from });
      const again = await scene.planted.pack([scene.planted.blob('data', scene.contents.own)]);
      await scene.planted.index([again]);
      await damage(scene, scene.placed.own.id);
      assert.deepEqual((await scene.copy()).copiedCount, 2);
      await scene.assertDestinationWhole();
    }
    const scene = await Scene.create(t);
    const there = new PlantedRepository(scene.destination.backend, scene.destination.masterKey);
    await there.index([await there.pack([there.blob('data', scene.contents.own)])]);
    await damage(scene, scene.placed.own.id);
    assert.equal((await scene.copy()).copiedCount, 2);
    await scene.assertDestinationWhole();
  });

  it('is copied by the next run, once it is there again', async (t) => {
    const scene = await Scene.create(t);
    await damage(scene, scene.placed.own.id);
    assert.equal((await scene.copy()).failedCount, 1);
    await scene.planted.index([await scene.planted.pack([scene.planted.blob('data', scene.contents.own)])]);
    const report = await scene.copy();
    assert.deepEqual([report.copiedCount, report.skippedCount, report.blobCount], [1, 1, 1]);
    await scene.assertDestinationWhole();
  });
});

describe('a copy that does not come to its end', () => {
  it('has written no snapshot when a pack, an index or a snapshot cannot be written', async (t) => {
    const refused = new HoldfastError('storage-full', 'no room');
    for (const [operation, fileKind] of [
      ['adopt', 'pack'],
      ['adopt', 'index'],
      ['save', 'snapshot'],
    ] as const) {
      const fault = { operation, fileKind, nth: 1, fault: { kind: 'fail', error: refused } } as const;
      const scene = await Scene.create(t, { to: 'memory', faults: [fault] });
      await failure(scene.copy(), 'storage-full');
      assert.deepEqual(await scene.stored('snapshot'), []);
      // The same call goes on, with what the first one had indexed.
      const report = await scene.copy();
      assert.deepEqual([report.copiedCount, report.blobCount], [2, fileKind === 'snapshot' ? 0 : 6]);
      await scene.assertDestinationWhole();
    }
  });

  it('has named no pack in an index that was read back wrong', async (t) => {
    const flips = {
      operation: 'load',
      fileKind: 'pack',
      nth: 1,
      times: Number.POSITIVE_INFINITY,
      fault: { kind: 'flip-bit', bit: 200 },
    } as const;
    const scene = await Scene.create(t, { to: 'memory', faults: [flips] });
    const error = await failure(scene.copy({ verify: true }), 'verify-failed');
    assert.match(error.message, /pack [0-9a-f]{64} was written, but what is read back differs/u);
    assert.deepEqual([await scene.stored('index'), await scene.stored('snapshot')], [[], []]);
  });

  it('reads snapshots and indexes back too', async (t) => {
    for (const fileKind of ['index', 'snapshot'] as const) {
      const flips = {
        operation: 'load',
        fileKind,
        nth: 1,
        times: Number.POSITIVE_INFINITY,
        fault: { kind: 'flip-bit', bit: 200 },
      } as const;
      const scene = await Scene.create(t, { to: 'memory', faults: [flips] });
      await failure(scene.copy({ verify: true }), 'verify-failed');
    }
  });

  it('stops when it is cancelled', async (t) => {
    const scene = await Scene.create(t);
    await failure(scene.copy({ signal: AbortSignal.abort(new HoldfastError('cancelled', 'stopped')) }), 'cancelled');
    assert.deepEqual(await scene.stored('snapshot'), []);
  });
});

/** Turns one byte of the first blob over. */
async function damage({ source }: Scene, name: string): Promise<void> {
  const file = { kind: 'pack', name } as const;
  const bytes = await source.backend.load(file);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  const path = source.backend.pathOf(file);
  if (path !== undefined) await writeFile(path, bytes);
  else await source.backend.save(file, bytes);
}
