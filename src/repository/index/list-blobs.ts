/** Names the blobs that the index files name, file after file: no table of all is needed to print them. */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { type BlobId, type IndexId, idFromBytes } from '../../base/ids.ts';
import { type BlobTypeNumber, dataBlob, scanIndex } from '../../format/index-file.ts';
import type { BlobType } from '../../format/pack-header.ts';
import type { Backend, CallOptions } from '../../storage/backend.ts';
import { inFile } from '../damaged-file.ts';
import type { UnpackedFiles } from '../unpacked-files.ts';

export interface IndexPlace {
  readonly backend: Backend;
  readonly files: UnpackedFiles;
}

/**
 * A blob that lies in several packs is named once for each.
 * @throws HoldfastError `damaged` naming the index file; what came before has been named
 */
export async function listBlobs(
  { backend, files }: IndexPlace,
  onBlob: (type: BlobType, id: BlobId) => void,
  { signal }: CallOptions = {},
): Promise<void> {
  for await (const { name } of backend.list('index', { signal })) {
    throwIfCancelled(signal);
    const json = await files.load('index', name as IndexId, { signal });
    const blob = (id: Uint8Array, type: BlobTypeNumber) => onBlob(type === dataBlob ? 'data' : 'tree', idFromBytes<BlobId>(id));
    inFile({ kind: 'index', name }, () => scanIndex(json, { pack: () => {}, blob }));
  }
}
