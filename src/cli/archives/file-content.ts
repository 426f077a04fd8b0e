/** The bytes of a file in a snapshot, in order, with a few blobs read ahead. */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import type { TreeNode } from '../../format/node.ts';
import { type BlobType, dataBlob } from '../../workers/index-table.ts';

export interface BlobSource {
  loadBlob(type: BlobType, id: BlobId): Promise<Buffer>;
}

// Enough to keep the disk and a core busy while a blob is written; each may be 8 MiB.
const readAhead = 4;

/** @throws HoldfastError `damaged` when the content is longer or shorter than the node says */
export async function* fileContent(source: BlobSource, node: TreeNode, signal: AbortSignal): AsyncGenerator<Buffer> {
  const ids = node.content ?? [];
  const ahead: Promise<Buffer>[] = [];
  let next = 0;
  let bytes = 0;
  while (next < ids.length || ahead.length > 0) {
    throwIfCancelled(signal);
    for (; ahead.length < readAhead && next < ids.length; next++) ahead.push(startLoad(source, ids[next]));
    const blob = await ahead.shift();
    if (blob === undefined) break;
    bytes += blob.length;
    yield blob;
  }
  if (bytes !== Number(node.size ?? 0)) throw wrongSize(node, bytes);
}

/** The failure of a load that nobody awaits yet must not end the process; the one that is awaited reports it. */
function startLoad(source: BlobSource, id: BlobId | undefined): Promise<Buffer> {
  const load = id === undefined ? Promise.resolve(Buffer.alloc(0)) : source.loadBlob(dataBlob, id);
  load.catch(() => {});
  return load;
}

function wrongSize(node: TreeNode, bytes: number): HoldfastError {
  return new HoldfastError('damaged', `the file ${node.name} has ${bytes} bytes of content and should have ${node.size ?? 0}`, {
    hint: 'Run a check of the repository.',
  });
}
