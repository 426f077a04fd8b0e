/** The blobs that lie in packs, as the index has them. */
import { HoldfastError } from '../../base/errors.ts';
import { type IndexTable, treeBlob } from '../../workers/index-table.ts';
import type { ObjectQuery } from './find.ts';

/** @param packs beginnings of ids. @throws HoldfastError `not-found` for one that fits no pack of the index */
export function objectsOfPacks(index: IndexTable, packs: readonly string[]): ObjectQuery {
  const wanted = findPacks(index, packs);
  const blobs: string[] = [];
  const trees: string[] = [];
  for (let entry = 0; entry < index.entryCount; entry++) {
    if (wanted.has(index.packOf(entry))) (index.typeOf(entry) === treeBlob ? trees : blobs).push(index.idHex(entry));
  }
  return { blobs, trees };
}

function findPacks(index: IndexTable, prefixes: readonly string[]): Set<number> {
  const wanted = new Set<number>();
  const missing = new Set(prefixes);
  for (let pack = 0; pack < index.packCount; pack++) {
    const id = index.packIdHex(pack);
    for (const prefix of prefixes.filter((candidate) => id.startsWith(candidate))) {
      wanted.add(pack);
      missing.delete(prefix);
    }
  }
  if (missing.size === 0) return wanted;
  throw new HoldfastError('not-found', `no pack of the index has an id that begins with ${[...missing].join(', ')}`, {
    hint: 'Check the ids.',
  });
}
