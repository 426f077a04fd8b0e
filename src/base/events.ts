/**
 * What a long operation says while it runs. Human and JSON output are two renderers of this one stream;
 * nothing below the command line prints.
 */
import type { ErrorRecord } from './errors.ts';

export type Operation =
  | 'prune'
  | 'reindex'
  | 'backup'
  | 'restore'
  | 'check'
  | 'index'
  | 'scan'
  | 'dump'
  | 'verify'
  | 'repair'
  | 'salvage'
  | 'rewrite'
  | 'recover'
  | 'forget'
  | 'tag'
  | 'trees'
  | 'copy';

export interface ProgressEvent {
  readonly kind: 'progress';
  readonly operation: Operation;
  readonly filesDone: number;
  readonly bytesDone: number;
  /** Absent as long as it is not known. */
  readonly filesTotal?: number;
  readonly bytesTotal?: number;
  readonly errorCount: number;
  readonly currentFiles?: readonly string[];
  /** Of a restore: what was right already, and what was removed because it was not in the snapshot. */
  readonly restored?: { readonly filesSkipped: number; readonly bytesSkipped: number; readonly filesDeleted: number };
}

export interface ItemEvent {
  readonly kind: 'item';
  readonly action: 'new' | 'modified' | 'unchanged' | 'excluded' | 'restored' | 'updated' | 'skipped' | 'deleted';
  readonly path: string;
  readonly sizeBytes: number;
  readonly addedBytes?: number;
  readonly addedPackedBytes?: number;
}

/** Something failed, was counted, and the run goes on: it will end as failed or partial. */
export interface FailureEvent {
  readonly kind: 'failure';
  readonly operation: Operation;
  readonly path?: string;
  readonly error: ErrorRecord;
}

/** Worth a person's attention; does not change the outcome. */
export interface WarningEvent {
  readonly kind: 'warning';
  readonly message: string;
}

export type HoldfastEvent = ProgressEvent | ItemEvent | FailureEvent | WarningEvent;
export type EventSink = (event: HoldfastEvent) => void;

export const ignoreEvents: EventSink = () => {};

/** For operations whose whole output is one document: problems are told, and no progress. */
export function withoutProgress(sink: EventSink): EventSink {
  return (event) => {
    if (event.kind !== 'progress') sink(event);
  };
}
