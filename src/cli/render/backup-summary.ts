/** What a backup says at its end. */
import type { BackupOutcome } from '../../archiver/backup.ts';
import { shortId } from '../../base/ids.ts';
import { parseTime } from '../../format/go-time.ts';
import type { SnapshotSummary } from '../../format/snapshot.ts';
import type { BackupPlace } from '../backup/fallback.ts';
import type { Output } from '../output.ts';
import { count, formatBytes, formatSeconds } from './format.ts';

/** @param place where the backup is, if it could be in either of two repositories */
export function showBackupSummary(output: Output, result: BackupOutcome, isDryRun: boolean, place?: BackupPlace): void {
  if (output.isJson) output.json({ ...summaryJson(result, isDryRun), ...(place === undefined ? {} : { place }) });
  else for (const line of summaryLines(result, isDryRun, output.verbosity)) output.say(line);
  if (place?.repository === 'fallback') output.say(`it is in the fallback repository ${place.location}`);
}

function summaryJson({ summary, snapshotId, failureCount }: BackupOutcome, isDryRun: boolean): object {
  return {
    message_type: 'summary',
    ...(isDryRun ? { dry_run: true } : {}),
    files_new: summary.filesNew,
    files_changed: summary.filesChanged,
    files_unmodified: summary.filesUnmodified,
    dirs_new: summary.dirsNew,
    dirs_changed: summary.dirsChanged,
    dirs_unmodified: summary.dirsUnmodified,
    data_blobs: summary.dataBlobs,
    tree_blobs: summary.treeBlobs,
    data_added: summary.dataAdded,
    data_added_packed: summary.dataAddedPacked,
    total_files_processed: summary.totalFilesProcessed,
    total_bytes_processed: summary.totalBytesProcessed,
    total_duration: durationSeconds(summary),
    backup_start: summary.backupStart,
    backup_end: summary.backupEnd,
    ...(snapshotId === undefined ? {} : { snapshot_id: snapshotId }),
    error_count: failureCount,
  };
}

function summaryLines({ summary, snapshotId, parentId }: BackupOutcome, isDryRun: boolean, verbosity: number): string[] {
  const bytes = Number(summary.totalBytesProcessed);
  const seconds = durationSeconds(summary);
  return [
    '',
    `Files:       ${pad(summary.filesNew)} new, ${pad(summary.filesChanged)} changed, ${pad(summary.filesUnmodified)} unmodified`,
    `Dirs:        ${pad(summary.dirsNew)} new, ${pad(summary.dirsChanged)} changed, ${pad(summary.dirsUnmodified)} unmodified`,
    ...(verbosity >= 2 ? [`Data blobs:  ${pad(summary.dataBlobs)} new`, `Tree blobs:  ${pad(summary.treeBlobs)} new`] : []),
    `${isDryRun ? 'Would add' : 'Added'} to the repository: ${formatBytes(Number(summary.dataAdded))} (${formatBytes(Number(summary.dataAddedPacked))} stored)`,
    '',
    `processed ${count(Number(summary.totalFilesProcessed), 'file')}, ${formatBytes(bytes)} in ${formatSeconds(seconds)}${rate(bytes, seconds)}`,
    ...(parentId === undefined ? [] : [`compared with snapshot ${shortId(parentId)}`]),
    ...(isDryRun ? [] : [snapshotId === undefined ? 'nothing changed, no snapshot was made' : `snapshot ${shortId(snapshotId)} saved`]),
  ];
}

function rate(bytes: number, seconds: number): string {
  return seconds < 1 ? '' : ` (${formatBytes(bytes / seconds)}/s)`;
}

function durationSeconds(summary: SnapshotSummary): number {
  return Number(parseTime(summary.backupEnd) - parseTime(summary.backupStart)) / 1e9;
}

function pad(value: number | bigint): string {
  return String(value).padStart(5);
}
