/** What a copy between two repositories is told, and what it answers. */
import type { Clock } from '../../base/clock.ts';
import type { EventSink } from '../../base/events.ts';
import type { SnapshotId } from '../../base/ids.ts';
import type { CompressionMode } from '../../compression/compressor.ts';
import type { StoredSnapshot } from '../snapshots.ts';

export interface CopyOptions {
  /** Of the source, in the order in which they are to be copied. They were listed before the source's index is loaded. */
  readonly snapshots: readonly StoredSnapshot[];
  /** For blobs that are not compressed in the source; `auto` unless told. */
  readonly compression?: CompressionMode | undefined;
  /** Compresses again what is compressed: for a mode that was asked for. */
  readonly recompress?: boolean;
  /** 16 MiB unless told. */
  readonly packSizeBytes?: number | undefined;
  /** Only counts. */
  readonly isDryRun?: boolean;
  /** Reads back whatever was written, before anything relies on it. */
  readonly verify?: boolean;
  /** Threads besides this one. */
  readonly workerCount?: number | undefined;
  readonly onSnapshot?: (outcome: SnapshotOutcome) => void;
  readonly events?: EventSink;
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
}

export type SnapshotOutcome =
  /** On a dry run there is no id: it would be copied. */
  | { readonly kind: 'copied'; readonly source: StoredSnapshot; readonly id: SnapshotId | undefined }
  /** The destination has it already, under this id. */
  | { readonly kind: 'skipped'; readonly source: StoredSnapshot; readonly id: SnapshotId }
  /** A part of it is lost in the source, so that there is no copy. It was an event, too. */
  | { readonly kind: 'failed'; readonly source: StoredSnapshot; readonly reason: string };

export interface CopyReport extends CopyCounts {
  readonly skippedCount: number;
  readonly secondsElapsed: number;
}

export interface CopyCounts {
  readonly copiedCount: number;
  readonly failedCount: number;
  /** Blobs copied, or on a dry run those to be copied. */
  readonly blobCount: number;
  /** What they take in the source. */
  readonly sourceBytes: number;
  /** What they take in the destination; 0 on a dry run. */
  readonly writtenBytes: number;
  readonly packCount: number;
  readonly verifiedPackCount: number;
}
