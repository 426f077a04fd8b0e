import type { SnapshotId } from '../../base/ids.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import type { Backend, CallOptions } from '../../storage/backend.ts';
import type { StoredSnapshot } from '../snapshots.ts';
import type { UnpackedFiles } from '../unpacked-files.ts';

/** What a check needs of a repository: the Repository facade has it. */
export interface CheckedRepository {
  readonly backend: Backend;
  readonly masterKey: MasterKey;
  readonly files: Pick<UnpackedFiles, 'load'>;
  readonly snapshots: { load(id: SnapshotId, options?: CallOptions): Promise<StoredSnapshot> };
}
