import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { dataBlob, IndexTable, type IndexTableMemory, treeBlob } from './index-table.ts';

const pack = Buffer.alloc(32, 7);

/** Ids that look as random as digests: the key stream of AES in counter mode. */
function idsFrom(seed: number, count: number): Buffer[] {
  const start = Buffer.alloc(16);
  start.writeUInt32BE(seed, 0);
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16), start).update(Buffer.alloc(count * 32));
  return Array.from({ length: count }, (_, at) => stream.subarray(at * 32, at * 32 + 32));
}

describe('IndexTable', () => {
  it('gives back what was inserted', () => {
    const index = IndexTable.create(10);
    const [id = pack] = idsFrom(1, 1);
    const entry = index.insert(id, treeBlob, index.addPack(pack), 4_294_967_295, 77, 4_000_000_000);
    assert.equal(index.find(id, treeBlob), entry);
    assert.deepEqual(
      [index.typeOf(entry), index.offsetOf(entry), index.lengthOf(entry), index.plainLengthOf(entry)],
      [1, 4_294_967_295, 77, 4_000_000_000],
    );
    assert.equal(index.packIdHex(index.packOf(entry)), pack.toString('hex'));
    assert.equal(index.idHex(entry), id.toString('hex'));
    const copy = Buffer.alloc(32);
    index.copyId(entry, copy);
    assert.deepEqual(copy, id);
  });

  it('tells data from trees of the same id, and knows what it does not have', () => {
    const index = IndexTable.create(10);
    const [id = pack, other = pack] = idsFrom(1, 2);
    const number = index.addPack(pack);
    const data = index.insert(id, dataBlob, number, 0, 1, 0);
    assert.equal(index.find(id, treeBlob), -1);
    const tree = index.insert(id, treeBlob, number, 1, 1, 0);
    assert.deepEqual([index.find(id, dataBlob), index.find(id, treeBlob)], [data, tree]);
    assert.equal(index.find(other, dataBlob), -1);
  });

  it('finds all copies of a blob, the first of them first', () => {
    const index = IndexTable.create(10);
    const [id = pack, other = pack] = idsFrom(1, 2);
    const entries = [1, 2, 3].map(() => index.insert(id, dataBlob, index.addPack(randomBytes(32)), 0, 1, 0));
    index.insert(other, dataBlob, 0, 0, 1, 0);
    assert.deepEqual(index.findAll(id, dataBlob), entries);
    assert.equal(index.find(id, dataBlob), entries[0]);
    assert.deepEqual(index.findAll(id, treeBlob), []);
  });

  it('finds ids that fall on the same slot, also over the end of the table', () => {
    const index = IndexTable.create(10);
    const number = index.addPack(pack);
    const ids = Array.from({ length: 500 }, (_, at) => {
      const id = Buffer.alloc(32, 0xff);
      id.writeUInt32LE(at, 28);
      return id;
    });
    const entries = ids.map((id) => index.insert(id, dataBlob, number, 0, 1, 0));
    assert.deepEqual(
      ids.map((id) => index.find(id, dataBlob)),
      entries,
    );
  });

  it('keeps finding everything while it grows far beyond what was expected', () => {
    const index = IndexTable.create(0);
    const ids = idsFrom(2, 300_000);
    const number = index.addPack(pack);
    const entries = ids.map((id, at) => index.insert(id, dataBlob, number, at, 1, 0));
    assert.equal(index.entryCount, ids.length);
    assert.ok(ids.every((id, at) => index.find(id, dataBlob) === entries[at] && index.offsetOf(entries[at] ?? 0) === at));
    const [again = pack] = ids;
    const copy = index.insert(again, dataBlob, number, 9, 9, 9);
    assert.deepEqual(
      index.findAll(again, dataBlob).toSorted((a, b) => a - b),
      [entries[0], copy],
    );
    assert.ok(idsFrom(3, 1000).every((id) => index.find(id, dataBlob) === -1));
  });

  it('takes at most 64 bytes a blob when it was made for as many as there are', () => {
    const count = 200_000;
    const index = IndexTable.create(count);
    const number = index.addPack(pack);
    for (const id of idsFrom(4, count)) index.insert(id, dataBlob, number, 0, 1, 0);
    assert.ok(index.committedBytes / count <= 64, `${index.committedBytes / count} bytes`);
  });

  it('lets the first claim win, and says where the blob is to the others', () => {
    const index = IndexTable.create(10);
    const [id = pack] = idsFrom(1, 1);
    const entry = index.claim(id, dataBlob);
    assert.ok(entry >= 0);
    assert.equal(index.packOf(entry), -1);
    assert.equal(index.claim(id, dataBlob), -1 - entry);
    index.assign(entry, index.addPack(pack), 5, 6, 7);
    assert.deepEqual([index.packOf(entry), index.offsetOf(entry), index.lengthOf(entry), index.plainLengthOf(entry)], [0, 5, 6, 7]);
    assert.equal(index.claim(id, dataBlob), -1 - entry);
    assert.ok(index.claim(id, treeBlob) >= 0, 'the tree of the same id is another blob');
  });

  it('shows to one thread what another has written, whoever made the memory grow', async () => {
    const index = IndexTable.create(0);
    const count = 120_000;
    await inThreads(
      index.memory,
      4,
      `const pack = index.addPack(Buffer.alloc(32, thread));
      for (const id of idsFrom(100 + thread, ${count})) index.insert(id, 0, pack, thread, 1, 0);`,
    );
    assert.equal(index.entryCount, 4 * count);
    for (let thread = 0; thread < 4; thread++) {
      assert.ok(idsFrom(100 + thread, count).every((id) => index.offsetOf(index.find(id, dataBlob)) === thread));
    }
  });

  it('gives each of many blobs to exactly one of several threads that claim all of them', async () => {
    const count = 50_000;
    // Sized for all of them: only where the table grows may two threads get the same blob, as `claim` says.
    const index = IndexTable.create(4 * count);
    const wins = await inThreads(index.memory, 4, `for (const id of idsFrom(7, ${count})) if (index.claim(id, 0) >= 0) wins++;`);
    assert.equal(
      wins.reduce((sum, won) => sum + won, 0),
      count,
    );
    assert.ok(idsFrom(7, count).every((id) => index.findAll(id, dataBlob).length === 1));
  });
});

/** Runs the same script in several threads at once. @returns each one's `wins` */
async function inThreads(memory: IndexTableMemory, threads: number, script: string): Promise<number[]> {
  const table = new URL('./index-table.ts', import.meta.url).href;
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { createCipheriv } = require('node:crypto');
    ${idsFrom.toString()}
    import(${JSON.stringify(table)}).then(({ IndexTable }) => {
      const { memory, thread, gate } = workerData;
      const index = IndexTable.attach(memory);
      let wins = 0;
      Atomics.add(gate, 0, 1);
      while (Atomics.load(gate, 0) < ${threads});
      ${script}
      parentPort.postMessage(wins);
    });`;
  return await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const worker = new Worker(source, { eval: true, workerData: { memory, thread, gate } });
      return new Promise<number>((resolve, reject) => worker.on('message', resolve).on('error', reject));
    }),
  );
}
