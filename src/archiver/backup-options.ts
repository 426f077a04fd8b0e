/** What a backup is told and what it answers. */
import type { Clock } from '../base/clock.ts';
import type { EventSink } from '../base/events.ts';
import type { IndexId, SnapshotId } from '../base/ids.ts';
import type { CompressionMode } from '../compression/compressor.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import type { SnapshotSummary } from '../format/snapshot.ts';
import type { FileSelection } from '../selection/selection.ts';
import type { Backend } from '../storage/backend.ts';
import type { ChangeRules } from '../workers/archive/messages.ts';
import type { IndexTable } from '../workers/index-table.ts';

/** What a backup needs of a repository. */
export interface ArchiveRepository {
  readonly backend: Backend;
  readonly masterKey: MasterKey;
  readonly config: { readonly version: number; readonly polynomial: bigint };
  saveIndex(json: Uint8Array): Promise<IndexId>;
}

/** A stream that becomes one file of the snapshot. */
export interface StreamTarget {
  readonly kind: 'stream';
  /** Its path in the snapshot. */
  readonly filename: Buffer;
  readonly stream: AsyncIterable<Uint8Array>;
  /** Resolves when the stream was complete; rejects when whatever made it failed: then there is no snapshot. */
  readonly finished: Promise<void>;
}

export interface FileTargets {
  readonly kind: 'files';
  /** As the user gave them, relative to the working directory. */
  readonly paths: readonly Buffer[];
  readonly selection: FileSelection;
}

export interface BackupOptions {
  readonly source: FileTargets | StreamTarget;
  /** The snapshot against which changes are found. */
  readonly parent?: { readonly id: SnapshotId; readonly tree: string } | undefined;
  readonly changes: ChangeRules;
  readonly compression: CompressionMode;
  readonly packSizeBytes: number;
  readonly withAtime: boolean;
  readonly isDryRun: boolean;
  /** Leaves the snapshot away when its tree is the parent's. */
  readonly skipIfUnchanged: boolean;
  /** One item event for each entry. */
  readonly reportItems: boolean;
  /** Count ahead, so that progress events carry totals: for somebody who watches. */
  readonly estimateTotals: boolean;
  /** Of the snapshot; what has no times of its own, a stream, gets it too. Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Resolves when the repository may be written to: no index and no snapshot is saved before. */
  readonly permission: Promise<unknown>;
  /** Saves the snapshot's record; called when everything that it needs is durable. */
  readonly saveSnapshot: (tree: string, summary: SnapshotSummary) => Promise<SnapshotId>;
}

export interface BackupResult {
  /** Undefined on a dry run, and when nothing changed and `skipIfUnchanged` was set. */
  readonly snapshotId: SnapshotId | undefined;
  readonly tree: string;
  readonly summary: SnapshotSummary;
  /** Items that are missing in the snapshot, or incomplete: each was reported as a failure. */
  readonly failureCount: number;
  readonly index: IndexTable;
}
