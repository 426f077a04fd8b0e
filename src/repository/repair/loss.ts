/** What a repository has lost for good, as a person sees it: by snapshot and path. */
import type { SnapshotId } from '../../base/ids.ts';
import type { TreePath } from '../tree/tree-path.ts';

export type LossKind =
  /** A file of which some content is lost; the rest stays. */
  | 'file-content'
  /** All that was below the directory is lost. */
  | 'directory'
  /** The snapshot's root is lost, and with it everything. */
  | 'root'
  /** An entry that is none, or that nobody knows how to restore, is left out. */
  | 'entry'
  /** Nothing is lost, but the node said so: its size was not that of its content. */
  | 'size';

export interface Loss {
  readonly kind: LossKind;
  readonly snapshot: SnapshotId;
  readonly path: TreePath;
  /** Of a file: blobs that are lost, of how many, and the bytes that are lost where that is known. */
  readonly lostBlobs?: number;
  readonly blobCount?: number;
  readonly lostBytes?: number | bigint;
  /** Why, where that is known. */
  readonly reason?: string;
}
