import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HoldfastEvent } from '../base/events.ts';
import { Counter, Counters } from '../workers/archive/counters.ts';
import { ArchiveProgress } from './archive-progress.ts';
import { summaryOf } from './summary.ts';

describe('summaryOf', () => {
  it('adds what all workers counted, under the names that snapshots carry', () => {
    const memory = Counters.memoryFor(3);
    const rows = [0, 1, 2].map((row) => Counters.row(memory, row));
    // Every counter of every row gets a value of its own: a mix-up of two would show.
    rows.forEach((row, index) => {
      for (const counter of Object.values(Counter)) row.add(counter, 2 ** counter * 100 ** index);
    });
    const sum = (counter: number): number => 2 ** counter * (1 + 100 + 100 ** 2);
    const start = 1_700_000_000n * 1_000_000_000n;
    const summary = summaryOf(memory, start, start + 1_500_000_000n);
    assert.deepEqual(
      { ...summary, backupStart: Date.parse(summary.backupStart), backupEnd: Date.parse(summary.backupEnd) },
      {
        backupStart: 1_700_000_000_000,
        backupEnd: 1_700_000_001_500,
        filesNew: sum(Counter.filesNew),
        filesChanged: sum(Counter.filesChanged),
        filesUnmodified: sum(Counter.filesUnmodified),
        dirsNew: sum(Counter.dirsNew),
        dirsChanged: sum(Counter.dirsChanged),
        dirsUnmodified: sum(Counter.dirsUnmodified),
        dataBlobs: sum(Counter.dataBlobs),
        treeBlobs: sum(Counter.treeBlobs),
        dataAdded: sum(Counter.dataBytes) + sum(Counter.treeBytes),
        dataAddedPacked: sum(Counter.dataPackedBytes) + sum(Counter.treePackedBytes),
        totalFilesProcessed: sum(Counter.filesNew) + sum(Counter.filesChanged) + sum(Counter.filesUnmodified),
        totalBytesProcessed: sum(Counter.processedBytes),
      },
    );
  });

  it('counts exactly beyond 32 bits', () => {
    const memory = Counters.memoryFor(2);
    for (const row of [0, 1]) Counters.row(memory, row).add(Counter.processedBytes, 2 ** 51 + 1);
    assert.equal(summaryOf(memory, 0n, 0n).totalBytesProcessed, 2 ** 52 + 2);
  });
});

describe('ArchiveProgress', () => {
  it('says at intervals what is done, in files and in bytes of files that are not finished too, until it is disposed of', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const memory = Counters.memoryFor(2);
    const events: HoldfastEvent[] = [];
    {
      using _progress = new ArchiveProgress(
        memory,
        (event) => events.push(event),
        () => 3,
        () => ({ filesTotal: 10, bytesTotal: 1000 }),
      );
      assert.deepEqual(events, []);
      Counters.row(memory, 0).countFile('new', 7);
      Counters.row(memory, 1).countFile('unchanged', 1);
      Counters.row(memory, 1).add(Counter.doneBytes, 500);
      t.mock.timers.tick(100);
      assert.deepEqual(events, [
        { kind: 'progress', operation: 'backup', filesDone: 2, bytesDone: 500, errorCount: 3, filesTotal: 10, bytesTotal: 1000 },
      ]);
      t.mock.timers.tick(1000);
      assert.equal(events.length, 11);
    }
    t.mock.timers.tick(1000);
    assert.equal(events.length, 11);
  });
});
