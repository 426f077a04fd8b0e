/** The public library of Holdfast. Everything that is not exported here is private and may change at any time. */
export { type ErrorCode, HoldfastError } from './base/errors.ts';
export type { EventSink, FailureEvent, HoldfastEvent, ItemEvent, ProgressEvent, WarningEvent } from './base/events.ts';
export type { BackupOutcome } from './archiver/backup.ts';
export type { CheckReport } from './repository/check/report.ts';
export type { SnapshotFilter } from './repository/snapshot-filter.ts';
export type { StoredSnapshot } from './repository/snapshots.ts';
export type { RestoreSummary } from './restorer/restore-options.ts';
export {
  createRepository,
  type HoldfastRepository,
  type LibraryBackupOptions,
  type LibraryRestoreOptions,
  openRepository,
  type OpenRepositoryOptions,
} from './app/library.ts';
