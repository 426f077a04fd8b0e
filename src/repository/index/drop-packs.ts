/**
 * Takes packs out of the index.
 *
 * Each index file that names one of them is written anew without them; the old files are removed when all new ones are durable. Killed in
 * between, the index says some things twice, which does no harm, and names the packs still: the next run does the same again.
 */
import { type BlobId, idFromBytes, type IndexId, type PackId } from '../../base/ids.ts';
import { encodeIndex, type IndexedPack, scanIndex } from '../../format/index-file.ts';
import type { LocatedBlob } from '../../format/pack-header.ts';
import type { CallOptions } from '../../storage/backend.ts';
import type { UnpackedFiles } from '../unpacked-files.ts';

/** @param indexes the files that name one of the packs, and perhaps others. @throws HoldfastError; `damaged` when one cannot be read */
export async function dropPacksFromIndex(
  files: UnpackedFiles,
  indexes: Iterable<IndexId>,
  dropped: ReadonlySet<string>,
  { signal }: CallOptions = {},
): Promise<void> {
  const replaced: IndexId[] = [];
  for (const id of indexes) {
    const packs = decodeIndex(await files.load('index', id, { signal }));
    const kept = packs.filter((pack) => !dropped.has(pack.id));
    if (kept.length === packs.length) continue;
    if (kept.length > 0) await files.save('index', encodeIndex(kept), { signal });
    replaced.push(id);
  }
  for (const id of replaced) await files.remove('index', id, { signal });
}

/** All that an index file says; for one file of 50,000 blobs some 20 MB. @throws HoldfastError as scanIndex */
export function decodeIndex(json: Uint8Array): IndexedPack[] {
  const packs: { id: PackId; blobs: LocatedBlob[] }[] = [];
  scanIndex(json, {
    pack: (id) => void packs.push({ id: idFromBytes<PackId>(id), blobs: [] }),
    blob: (id, type, offset, length, uncompressedLength) => {
      const blob = { id: idFromBytes<BlobId>(id), type: type === 0 ? 'data' : 'tree', offset, length } as const;
      packs.at(-1)?.blobs.push(uncompressedLength === 0 ? blob : { ...blob, uncompressedLength });
    },
  });
  return packs;
}
