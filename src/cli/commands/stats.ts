import { StatsCounter, type SnapshotStats, type StatsMode, statsModes } from '../../repository/tree/stats.ts';
import { snapshotFilterOptions } from '../options/snapshot-options.ts';
import type { Output } from '../output.ts';
import { formatBytes } from '../render/format.ts';
import { openReader, withReadLock } from '../repository-session.ts';
import { chooseSnapshots } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const stats = defineCommand({
  synopsis: '[OPTION...] [SNAPSHOT...]',
  details: [
    'Counts what the snapshots hold: those named, or all that the filters let through.',
    'restore-size: all files as a restore would write them. files-by-contents: files with the same content once. blobs-per-file: each blob once for every path that uses it. raw-data: each blob once, as it is stored.',
  ],
  options: {
    ...snapshotFilterOptions,
    mode: { kind: 'text', valueName: 'MODE', choices: statsModes, description: 'what is counted (default: restore-size)' },
  },
  async run(context, values, positionals) {
    const mode = values.mode ?? 'restore-size';
    await withReadLock(context, async (session) => {
      const chosen = await chooseSnapshots(context, session, positionals, values);
      const reader = await openReader(session);
      const counter = new StatsCounter({
        source: reader,
        index: reader.index,
        mode,
        signal: session.signal,
        onProgress: (filesDone, bytesDone) => context.events({ kind: 'progress', operation: 'scan', filesDone, bytesDone, errorCount: 0 }),
      });
      for (const snapshot of chosen.snapshots) await counter.addSnapshot(snapshot.tree);
      context.endProgress();
      print(context.output, mode, counter.result());
      chosen.assertComplete();
    });
    return 0;
  },
});

function print(output: Output, mode: StatsMode, result: SnapshotStats): void {
  if (output.isJson) output.json(statsJson(result));
  else for (const line of statsLines(mode, result)) output.line(line);
}

function statsJson({ totalSizeBytes, totalFileCount, totalBlobCount, snapshotsCount, compression }: SnapshotStats): object {
  const optional = (key: string, value: number | undefined) => (value === undefined || value === 0 ? {} : { [key]: value });
  return {
    total_size: totalSizeBytes,
    ...optional('total_uncompressed_size', compression?.uncompressedSizeBytes),
    ...optional('compression_ratio', compression?.ratio),
    ...optional('compression_progress', compression?.progress),
    ...optional('compression_space_saving', compression?.spaceSaving),
    ...optional('total_file_count', totalFileCount),
    ...optional('total_blob_count', totalBlobCount),
    snapshots_count: snapshotsCount,
  };
}

function statsLines(
  mode: StatsMode,
  { totalSizeBytes, totalFileCount, totalBlobCount, snapshotsCount, compression }: SnapshotStats,
): string[] {
  const lines: [string, string | undefined][] = [
    ['Snapshots processed', String(snapshotsCount)],
    ['Total Blob Count', totalBlobCount > 0 ? String(totalBlobCount) : undefined],
    ['Total File Count', totalFileCount > 0 ? String(totalFileCount) : undefined],
    ['Total Uncompressed Size', compression && formatBytes(compression.uncompressedSizeBytes)],
    ['Total Size', formatBytes(totalSizeBytes)],
    ['Compression Progress', compression && `${compression.progress.toFixed(2)}%`],
    ['Compression Ratio', compression && `${compression.ratio.toFixed(2)}x`],
    ['Compression Space Saving', compression && `${compression.spaceSaving.toFixed(2)}%`],
  ];
  return [`Stats in ${mode} mode:`, ...lines.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padStart(24)}:  ${value}`]))];
}
