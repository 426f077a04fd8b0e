/** Several workers share one backup: whatever they share, the snapshot is the one that a single worker makes. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { IndexTable } from '../../src/workers/index-table.ts';
import { ArchiveSetting, countsOf, failuresOf, noting } from '../support/archive-setting.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';

/** A folder's entries by their number: the size of a file, the target of a link, or what is in a folder. */
type Entry = number | string | Entry[];

const entries = fc.letrec<{ entry: Entry; folder: Entry[] }>((tie) => ({
  entry: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 3000 }) },
    // Some of a size that one worker gives to another.
    { weight: 1, arbitrary: fc.integer({ min: 900_000, max: 1_200_000 }) },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0')) },
    { weight: 6, arbitrary: tie('folder') },
  ),
  folder: fc.array(tie('entry'), { maxLength: 10, size: 'max' }),
})).folder;

function build(path: string, folder: readonly Entry[]): void {
  mkdirSync(path, { recursive: true });
  for (const [number, entry] of folder.entries()) {
    const at = join(path, `${number}`);
    if (typeof entry === 'number') writeFileSync(at, pseudoRandomBytes(entry, entry));
    else if (typeof entry === 'string') symlinkSync(entry, at);
    else build(at, entry);
  }
}

describe('a backup by several workers', () => {
  it('comes to the same tree, and the same figures, whatever their number', async (t) => {
    const setting = await ArchiveSetting.create(t);
    let example = 0;
    await fc.assert(
      fc.asyncProperty(entries, async (folder) => {
        const name = `example-${example++}`;
        build(join(setting.source, name), folder);
        const runs = [];
        for (const workerCount of [1, 2, 4]) {
          runs.push(await setting.run({ workerCount, paths: [join('source', name)], index: IndexTable.create(0) }));
        }
        const [one, ...others] = runs;
        assert.ok(one);
        assert.deepEqual(failuresOf(one), []);
        for (const run of others) {
          assert.equal(run.tree, one.tree);
          assert.deepEqual(countsOf(run), countsOf(one));
          for (const figure of ['dataAdded', 'dataBlobs', 'treeBlobs', 'totalBytesProcessed'] as const) {
            assert.equal(run.summary[figure], one.summary[figure], figure);
          }
        }
      }),
      { numRuns: 2 },
    );
  });

  it('shares the names of one large folder, and keeps their order', async (t) => {
    const setting = await ArchiveSetting.create(t);
    for (let number = 0; number < 5000; number++) writeFileSync(join(setting.source, `${number}`), number % 10 === 0 ? '' : `${number}`);
    const alone: string[] = [];
    const one = await setting.run({ workerCount: 1, index: IndexTable.create(0), ...noting(alone) });
    const asked: string[] = [];
    const four = await setting.run({ workerCount: 4, index: IndexTable.create(0), ...noting(asked) });
    assert.equal(four.tree, one.tree);
    assert.ok(asked.includes('names'), 'nothing was shared');
    assert.equal((await setting.nodes(four.tree, 'source')).size, 5000);
    assert.deepEqual(countsOf(four), { files: [5000, 0, 0], dirs: [1, 0, 0] });
    const again = await setting.run({ workerCount: 4, parent: one });
    assert.equal(again.tree, one.tree);
    assert.deepEqual(countsOf(again), { files: [0, 0, 5000], dirs: [0, 0, 1] });
  });
});
