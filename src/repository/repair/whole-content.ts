/** Takes out of trees what cannot be restored any more, as restic's `repair snapshots` does. */
import { type BlobId, idLengthBytes, idToBytes } from '../../base/ids.ts';
import type { TreeNode } from '../../format/node.ts';
import type { ScannedNode } from '../../format/tree-scan.ts';
import { dataBlob, type IndexTable } from '../../workers/index-table.ts';
import type { NodeVerdict, TreeEdit } from '../rewrite/tree-edit.ts';
import { plainLengthOf } from '../tree/blob-marks.ts';
import { rootPath, type TreePath } from '../tree/tree-path.ts';
import type { Loss } from './loss.ts';

export type FoundLoss = Omit<Loss, 'snapshot'>;

/** Files keep the content that is there, directories that cannot be read become empty, what is no entry goes. */
export function keepWholeContent(index: IndexTable, onLoss: (loss: FoundLoss) => void): TreeEdit {
  return {
    editNode: (node, path) => editNode(index, node, path, onLoss),
    onLostTree: (_tree, path, { message }) => {
      onLoss({ kind: path === rootPath ? 'root' : 'directory', path, reason: message });
      return path === rootPath ? 'remove' : 'empty';
    },
    onBadNode: (path, { message }) => onLoss({ kind: 'entry', path, reason: message }),
  };
}

function editNode(index: IndexTable, node: ScannedNode, path: TreePath, onLoss: (loss: FoundLoss) => void): NodeVerdict {
  if (node.type === '' || node.type === 'irregular') {
    onLoss({ kind: 'entry', path, reason: `it has the invalid type '${node.type}'` });
    return 'remove';
  }
  if (node.type !== 'file') return 'keep';
  const found = survey(index, node.content ?? new Uint8Array());
  const isRightSize = BigInt(found.sizeBytes) === BigInt(node.sizeBytes);
  if (found.lostBlobs > 0) {
    onLoss({ kind: 'file-content', path, lostBlobs: found.lostBlobs, blobCount: found.blobCount, ...lostBytes(node, found.sizeBytes) });
  } else if (!isRightSize) onLoss({ kind: 'size', path });
  // As in restic, a file without a list of content becomes an empty one.
  if (found.lostBlobs === 0 && isRightSize && node.content !== null) return 'keep';
  return (decoded) => withWholeContent(index, decoded, found.sizeBytes);
}

interface Survey {
  readonly blobCount: number;
  readonly lostBlobs: number;
  /** Of the blobs that are there. */
  readonly sizeBytes: number;
}

function survey(index: IndexTable, content: Uint8Array): Survey {
  let lostBlobs = 0;
  let sizeBytes = 0;
  for (let at = 0; at < content.length; at += idLengthBytes) {
    const entry = index.find(content.subarray(at, at + idLengthBytes), dataBlob);
    if (entry < 0) lostBlobs++;
    else sizeBytes += plainLengthOf(index, entry);
  }
  return { blobCount: content.length / idLengthBytes, lostBlobs, sizeBytes };
}

function lostBytes(node: ScannedNode, sizeBytes: number): { lostBytes?: bigint } {
  const lost = BigInt(node.sizeBytes) - BigInt(sizeBytes);
  return lost > 0n ? { lostBytes: lost } : {};
}

function withWholeContent(index: IndexTable, node: TreeNode, size: number): TreeNode {
  const isThere = (id: BlobId): boolean => index.find(idToBytes(id), dataBlob) >= 0;
  return { ...node, content: (node.content ?? []).filter(isThere), size };
}
