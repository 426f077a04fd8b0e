import type { SnapshotSummary } from '../format/snapshot.ts';
import { formatTimeNs } from '../format/go-time.ts';
import { Counter, type CounterIndex, sumCounter } from '../workers/archive/counters.ts';

/** The figures that a snapshot carries, under restic's names. */
export function summaryOf(counters: SharedArrayBuffer, startNs: bigint, endNs: bigint): SnapshotSummary {
  const sum = (...indexes: CounterIndex[]): number => indexes.reduce<number>((total, index) => total + sumCounter(counters, index), 0);
  return {
    backupStart: formatTimeNs(startNs),
    backupEnd: formatTimeNs(endNs),
    filesNew: sum(Counter.filesNew),
    filesChanged: sum(Counter.filesChanged),
    filesUnmodified: sum(Counter.filesUnmodified),
    dirsNew: sum(Counter.dirsNew),
    dirsChanged: sum(Counter.dirsChanged),
    dirsUnmodified: sum(Counter.dirsUnmodified),
    dataBlobs: sum(Counter.dataBlobs),
    treeBlobs: sum(Counter.treeBlobs),
    dataAdded: sum(Counter.dataBytes, Counter.treeBytes),
    dataAddedPacked: sum(Counter.dataPackedBytes, Counter.treePackedBytes),
    totalFilesProcessed: sum(Counter.filesNew, Counter.filesChanged, Counter.filesUnmodified),
    totalBytesProcessed: sum(Counter.processedBytes),
  };
}
