/** What a restore is told and what it answers. */
import type { Clock } from '../base/clock.ts';
import type { EventSink } from '../base/events.ts';
import type { BlobId } from '../base/ids.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import type { TreeNode } from '../format/node.ts';
import type { IndexFileReader } from '../repository/index/load-index.ts';
import type { Backend, CallOptions } from '../storage/backend.ts';
import type { IndexTable } from '../workers/index-table.ts';
import type { Overwrite } from '../workers/restore/messages.ts';
import type { RestoreSelection } from '../workers/restore/selection.ts';
import type { RestoreWorkers } from './restore-workers.ts';

export type { Overwrite } from '../workers/restore/messages.ts';
export type { RestoreSelection } from '../workers/restore/selection.ts';

/** What a restore needs of a repository; the class Repository has it. */
export interface RestoreRepository {
  readonly backend: Backend;
  readonly masterKey: MasterKey;
  /** @param options `reader` reads index files in workers that run already */
  loadIndex(options?: CallOptions & { readonly reader?: IndexFileReader }): Promise<IndexTable>;
  loadTree(id: BlobId, options?: CallOptions): Promise<readonly TreeNode[]>;
}

export interface RestoreOptions {
  readonly snapshot: { readonly tree: BlobId };
  /** A path in the snapshot whose content becomes that of the target; everything unless told. */
  readonly subfolder?: string;
  /** A directory: made if it is missing, with those above it. It may be a link to one. */
  readonly target: string | Uint8Array;
  /** Either excludes or includes; everything unless told. */
  readonly selection?: RestoreSelection;
  /** What becomes of files that exist already; `always` unless told. Directories get their metadata in any case. */
  readonly overwrite?: Overwrite;
  /** Removes what the target's directories have beyond the snapshot, as far as it is selected. */
  readonly deletesUnexpected?: boolean;
  /** Reads all restored content again and compares it. */
  readonly verifies?: boolean;
  /** Changes nothing, and tells what would be done. */
  readonly isDryRun?: boolean;
  /** Owners by name where this machine knows the name, instead of by number. */
  readonly ownershipByName?: boolean;
  /** Patterns of extended attributes to leave alone, or of those alone to restore: not both. */
  readonly excludeAttributes?: readonly string[];
  readonly includeAttributes?: readonly string[];
  /** One item event for each entry. */
  readonly reportItems?: boolean;
  /** One for each processor unless told. */
  readonly workerCount?: number;
  /** Started earlier, for this restore alone, and ended by whoever started them; unless told the restore has its own. */
  readonly workers?: RestoreWorkers;
  readonly signal?: AbortSignal | undefined;
  readonly events?: EventSink;
  readonly clock?: Clock;
}

/** restic's figures (`restic restore --json`, message type `summary`), and two more. */
export interface RestoreSummary {
  /** Entries of all kinds that were to be restored; those that were skipped are not among them. */
  readonly totalFiles: number;
  readonly filesRestored: number;
  /** Left alone, or right already. */
  readonly filesSkipped: number;
  readonly filesDeleted: number;
  readonly totalBytes: number;
  readonly bytesRestored: number;
  readonly bytesSkipped: number;
  readonly secondsElapsed: number;
  /** Files whose content was read again and found right. */
  readonly filesVerified: number;
  /** Entries that are missing or incomplete; each was reported as a failure. The restore succeeded only when this is 0. */
  readonly failureCount: number;
}
