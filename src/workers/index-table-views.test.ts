import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { dataBlob, IndexTable } from './index-table.ts';

/** More than the memory that a table begins with holds. */
const blobCount = 30_000;

for (const [name, read] of Object.entries({
  pack: (table: IndexTable, entry: number) => table.packOf(entry),
  length: (table: IndexTable, entry: number) => table.lengthOf(entry),
})) {
  it(`the first look beyond what a table has seen of its memory gives the right ${name}`, () => {
    const table = IndexTable.create(blobCount);
    const other = IndexTable.attach(table.memory);
    const pack = table.addPack(Buffer.alloc(32, 1)) + table.addPack(Buffer.alloc(32, 2));
    let last = 0;
    for (let blob = 0; blob < blobCount; blob++)
      last = table.insert(createHash('sha256').update(`${blob}`).digest(), dataBlob, pack, 5, 1, 0);
    assert.equal(read(other, last), 1);
  });
}
