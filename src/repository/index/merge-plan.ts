import { maxHeaderEntries } from '../../format/pack-header.ts';
import { blobCountOf, type UnfinishedPack } from '../../workers/archive/messages.ts';
import type { BlobType } from '../../workers/index-table.ts';

interface Group {
  readonly parts: UnfinishedPack[];
  sizeBytes: number;
  blobCount: number;
}

/**
 * Which unfinished packs of a type become one: as few packs as possible, none larger than a pack may be, and none with more blobs than
 * its header may list.
 */
export function groupUnfinished(packs: readonly UnfinishedPack[], type: BlobType, packSizeBytes: number): UnfinishedPack[][] {
  const groups: Group[] = [];
  const largestFirst = packs.filter((pack) => pack.type === type).sort((a, b) => b.sizeBytes - a.sizeBytes);
  for (const pack of largestFirst) {
    const blobCount = blobCountOf(pack);
    const fits = (group: Group): boolean =>
      group.sizeBytes + pack.sizeBytes <= packSizeBytes && group.blobCount + blobCount <= maxHeaderEntries;
    const group = groups.find(fits) ?? newGroup(groups);
    group.parts.push(pack);
    group.sizeBytes += pack.sizeBytes;
    group.blobCount += blobCount;
  }
  return groups.map((group) => group.parts);
}

function newGroup(groups: Group[]): Group {
  const group = { parts: [], sizeBytes: 0, blobCount: 0 };
  groups.push(group);
  return group;
}
