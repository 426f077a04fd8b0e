import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check, emptyRepository } from '../../../test/support/planted-check.ts';
import { fileNode } from '../../../test/support/planted-repository.ts';
import { DyingBackend } from '../../../test/support/dying-backend.ts';
import { namesOf, opened } from '../../../test/support/repairable-repository.ts';
import { pseudoRandomBytes } from '../../../test/support/pseudo-random.ts';
import { encodeNode } from '../../format/node-encoder.ts';
import { encodeTree } from '../../format/tree.ts';
import { dataBlob, treeBlob } from '../../workers/index-table.ts';
import { BlobSaver } from './blob-saver.ts';

describe('saving blobs from the main thread', () => {
  it('makes them part of the repository when it settles, each type in packs of its own', async () => {
    const planted = await emptyRepository();
    const repository = await opened(planted);
    using saver = await BlobSaver.open(repository, { index: await repository.loadIndex() });
    const text = Buffer.from('some text '.repeat(100));
    const data = saver.save(dataBlob, text);
    const tree = saver.save(treeBlob, encodeTree([encodeNode(fileNode('x', [data], text.length))]));
    assert.deepEqual(await namesOf(planted.backend, 'index'), []);
    await saver.settle();
    assert.deepEqual([saver.packCount, (await namesOf(planted.backend, 'index')).length], [2, 1]);
    await planted.snapshot(tree);
    assert.equal((await check(planted)).errorCount, 0);
    assert.deepEqual(await (await opened(planted)).loadBlob(dataBlob, data), text);
  });

  it('stores nothing that the index has', async () => {
    const planted = await emptyRepository();
    const known = planted.blob('data', 'known');
    await planted.index([await planted.pack([known])]);
    const repository = await opened(planted);
    using saver = await BlobSaver.open(repository, { index: await repository.loadIndex() });
    assert.equal(saver.save(dataBlob, Buffer.from('known')), known.id);
    saver.saveSealed(dataBlob, known.id, known.sealed, 0);
    await saver.settle();
    assert.deepEqual([saver.packCount, (await namesOf(planted.backend, 'pack')).length], [0, 1]);
  });

  it('begins another pack when one is full', async () => {
    const planted = await emptyRepository();
    const repository = await opened(planted);
    using saver = await BlobSaver.open(repository, { index: await repository.loadIndex(), packSizeBytes: 100_000 });
    for (let seed = 0; seed < 10; seed++) saver.save(dataBlob, pseudoRandomBytes(30_000, seed));
    await saver.settle();
    assert.equal(saver.packCount, 3);
  });

  it('writes no index after a pack could not be stored, and says why', async () => {
    const planted = await emptyRepository();
    const repository = await opened(planted, new DyingBackend(planted.backend, 0));
    using saver = await BlobSaver.open(repository, { index: await repository.loadIndex() });
    saver.save(dataBlob, Buffer.from('lost'));
    await assert.rejects(saver.settle(), { message: 'the process is dead' });
    assert.throws(() => saver.save(dataBlob, Buffer.from('more')), { message: 'the process is dead' });
    assert.deepEqual(await namesOf(planted.backend, 'index'), []);
  });

  it('writes nothing once its signal has fired', async () => {
    const planted = await emptyRepository();
    const repository = await opened(planted);
    const end = new AbortController();
    using saver = await BlobSaver.open(repository, { index: await repository.loadIndex(), signal: end.signal });
    saver.save(dataBlob, Buffer.from('x'));
    end.abort();
    await assert.rejects(saver.settle(), { code: 'cancelled' });
    assert.deepEqual(await namesOf(planted.backend, 'pack'), []);
  });
});
