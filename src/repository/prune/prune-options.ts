/** What a prune is told. */
import type { Clock } from '../../base/clock.ts';
import type { EventSink } from '../../base/events.ts';
import type { SnapshotId } from '../../base/ids.ts';
import type { CompressionMode } from '../../compression/compressor.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { Backend } from '../../storage/backend.ts';
import type { Snapshots } from '../snapshots.ts';
import type { UnpackedFiles } from '../unpacked-files.ts';
import type { PruneLimits } from './decide.ts';
import type { PruneStatistics } from './statistics.ts';

/** What a prune needs of a repository: the Repository facade has it. */
export interface PruneRepository {
  readonly backend: Backend;
  readonly config: { readonly version: number };
  readonly masterKey: MasterKey;
  readonly files: Pick<UnpackedFiles, 'save'>;
  readonly snapshots: Pick<Snapshots, 'load'>;
}

export interface PruneOptions {
  readonly limits: PruneLimits;
  /** Of new packs. */
  readonly packSizeBytes: number;
  readonly compression: CompressionMode;
  readonly isDryRun: boolean;
  /** Gets what is about to be done, before anything is. */
  readonly onPlanned: (statistics: PruneStatistics) => void | Promise<void>;
  /** Snapshots that count as if they were not there: for a dry run of what forgets them first. */
  readonly ignoreSnapshots?: ReadonlySet<SnapshotId>;
  /** How long to wait for others to finish, first to read and then to be alone. */
  readonly retryLockMs?: number;
  /** Only for a dry run on a repository that cannot be written. */
  readonly withoutLock?: boolean;
  readonly events?: EventSink;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
  /** Threads besides this one; what suits most machines unless told. */
  readonly workerCount?: number | undefined;
}
